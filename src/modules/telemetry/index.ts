export { LiveBackends } from './live-backends.js';
export { TelemetryModule } from './telemetry.module.js';
export {
  type AccessLine,
  type TrafficPoint,
  TrafficReadModel,
} from './traffic.read-model.js';
export { TrafficMetrics } from './traffic-metrics.js';
export { TrafficRecorder } from './traffic-recorder.js';
