import { Module } from '@nestjs/common';
import { BackendsModule } from '../backends/index.js';
import { CertificatesModule } from '../certificates/index.js';
import { ClusterModule } from '../cluster/index.js';
import { PoolsModule } from '../pools/index.js';
import { RoutesModule } from '../routes/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { AppliedInterceptor } from './applied.interceptor.js';
import { DataPlaneService } from './dataplane.service.js';
import { DataPlaneMetrics } from './dataplane-metrics.js';
import { engineProvider } from './engine.provider.js';
import { SnapshotSource } from './snapshot-source.js';
import { TelemetryPump } from './telemetry-pump.js';

@Module({
  imports: [ClusterModule, TelemetryModule, PoolsModule, BackendsModule, RoutesModule, CertificatesModule],
  providers: [
    engineProvider,
    SnapshotSource,
    DataPlaneService,
    DataPlaneMetrics,
    TelemetryPump,
    AppliedInterceptor,
  ],
  exports: [DataPlaneService, AppliedInterceptor, ClusterModule],
})
export class DataPlaneModule {}
