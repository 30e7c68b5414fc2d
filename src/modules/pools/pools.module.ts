import { Module } from '@nestjs/common';
import { BackendsModule } from '../backends/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { TenantsModule } from '../tenants/index.js';
import { PoolsController } from './pools.controller.js';
import { PoolsReadModel } from './pools.read-model.js';
import { PoolsRepository } from './pools.repository.js';
import { PoolsService } from './pools.service.js';

@Module({
  imports: [TelemetryModule, TenantsModule, BackendsModule],
  controllers: [PoolsController],
  providers: [PoolsService, PoolsRepository, PoolsReadModel],
  exports: [PoolsService, PoolsReadModel],
})
export class PoolsModule {}
