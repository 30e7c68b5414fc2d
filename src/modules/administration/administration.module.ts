import { Module } from '@nestjs/common';
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
import { DrainService } from './drain.service.js';
import { InstallationReadModel } from './installation.read-model.js';
import { SystemController } from './system.controller.js';

@Module({
  imports: [DataPlaneModule, SettingsModule, StatusModule, TenantsModule],
  controllers: [AdminController, AdminListenerController, AuditController, SystemController],
  providers: [AdminService, AuditService, AuditRepository, DrainService, InstallationReadModel],
})
export class AdministrationModule {}
