import { Module } from '@nestjs/common';
import { TelemetryModule } from '../telemetry/index.js';
import { TenantsModule } from '../tenants/index.js';
import { BackendAddressPolicy } from './address-policy.js';
import { BackendsController } from './backends.controller.js';
import { BackendsReadModel } from './backends.read-model.js';
import { BackendsRepository } from './backends.repository.js';
import { BackendsService } from './backends.service.js';
import { WeightFactors } from './weight-factors.repository.js';

@Module({
  imports: [TelemetryModule, TenantsModule],
  controllers: [BackendsController],
  providers: [BackendsService, BackendsRepository, BackendsReadModel, BackendAddressPolicy, WeightFactors],
  exports: [BackendsService, BackendsReadModel, WeightFactors],
})
export class BackendsModule {}
