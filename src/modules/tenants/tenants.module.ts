import { Module } from '@nestjs/common';
import { TelemetryModule } from '../telemetry/index.js';
import { Accounts } from './accounts.service.js';
import { MembersService } from './members.service.js';
import { PlanLimits } from './plan-limits.js';
import { PlansReadModel } from './plans.read-model.js';
import { TenantPlans } from './tenant-plans.js';
import { TenantsController } from './tenants.controller.js';
import { TenantsRepository } from './tenants.repository.js';
import { TenantsService } from './tenants.service.js';
import { TenantUsersController } from './users.controller.js';
import { UsersRepository } from './users.repository.js';

@Module({
  imports: [TelemetryModule],
  controllers: [TenantsController, TenantUsersController],
  providers: [
    TenantsService,
    MembersService,
    Accounts,
    PlanLimits,
    PlansReadModel,
    TenantPlans,
    TenantsRepository,
    UsersRepository,
  ],
  exports: [TenantsService, MembersService, Accounts, PlanLimits, PlansReadModel, TenantPlans],
})
export class TenantsModule {}
