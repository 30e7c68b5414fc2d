import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/index.js';
import { DataPlaneModule } from '../dataplane/index.js';
import { SettingsModule } from '../settings/index.js';
import { StatusModule } from '../status/index.js';
import { TenantsModule } from '../tenants/index.js';
import { AdminController } from './admin.controller.js';
import { AdminService } from './admin.service.js';
import { AdminListenerController } from './admin-listener.controller.js';
import { AuditController } from './audit.controller.js';
import { AuditRepository } from './audit.repository.js';
import { AuditService } from './audit.service.js';
import { InstallationReadModel } from './installation.read-model.js';
import { SystemDrainController } from './system.controller.js';
import { SystemService } from './system.service.js';

@Module({
  imports: [ClusterModule, DataPlaneModule, SettingsModule, StatusModule, TenantsModule],
  controllers: [AdminController, AdminListenerController, AuditController, SystemDrainController],
  providers: [AdminService, AuditService, AuditRepository, InstallationReadModel, SystemService],
})
export class AdministrationModule {}
