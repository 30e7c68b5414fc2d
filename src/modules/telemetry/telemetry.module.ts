import { Module } from '@nestjs/common';
import { LiveBackends } from './live-backends.js';
import { RecentTraffic } from './recent-traffic.js';
import { Retention } from './retention.js';
import { TelemetryRepository } from './telemetry.repository.js';
import { TrafficReadModel } from './traffic.read-model.js';
import { TrafficMetrics } from './traffic-metrics.js';
import { TrafficRecorder } from './traffic-recorder.js';

@Module({
  providers: [
    LiveBackends,
    RecentTraffic,
    Retention,
    TelemetryRepository,
    TrafficMetrics,
    TrafficReadModel,
    TrafficRecorder,
  ],
  exports: [LiveBackends, TrafficMetrics, TrafficReadModel, TrafficRecorder],
})
export class TelemetryModule {}
