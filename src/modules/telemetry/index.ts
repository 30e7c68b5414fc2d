export { latencyQuantile } from './latency.js';
export { LiveBackends } from './live-backends.js';
export type { TrafficRates } from './recent-traffic.js';
export { TelemetryModule } from './telemetry.module.js';
export {
  type AccessLine,
  type PathTotals,
  type TrafficFilter,
  type TrafficPoint,
  TrafficReadModel,
  type TrafficTotals,
} from './traffic.read-model.js';
export { type MeasuredPool, TrafficMetrics } from './traffic-metrics.js';
export { TrafficRecorder } from './traffic-recorder.js';
