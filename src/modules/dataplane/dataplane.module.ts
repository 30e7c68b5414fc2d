import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Environment } from '../../platform/config/environment.js';
import { BackendsModule } from '../backends/index.js';
import { ClusterModule } from '../cluster/index.js';
import { PoolsModule } from '../pools/index.js';
import { RoutesModule } from '../routes/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { TenantsModule } from '../tenants/index.js';
import { AppliedInterceptor } from './applied.interceptor.js';
import { DataPlaneService, ENGINE } from './dataplane.service.js';
import { EmbeddedEngine } from './embedded/embedded-engine.js';
import type { DataPlaneEngine } from './engine.js';
import { SnapshotService } from './snapshot.service.js';
import { TelemetryPump } from './telemetry-pump.js';

/** The one place that chooses an engine. */
const makeEngine = (environment: Environment): DataPlaneEngine =>
  new EmbeddedEngine({ host: environment.listenHost, httpPort: environment.PROXY_PORT });

@Module({
  imports: [BackendsModule, ClusterModule, PoolsModule, RoutesModule, TelemetryModule, TenantsModule],
  providers: [
    { provide: ENGINE, inject: [Environment], useFactory: makeEngine },
    SnapshotService,
    DataPlaneService,
    TelemetryPump,
    { provide: APP_INTERCEPTOR, useClass: AppliedInterceptor },
  ],
  exports: [DataPlaneService],
})
export class DataPlaneModule {}
