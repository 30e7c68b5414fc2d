import { Module } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { ClusterModule } from '../cluster/index.js';
import { SettingsModule } from '../settings/index.js';
import { TenantsModule } from '../tenants/index.js';
import { BackupSchedule } from './backup-schedule.service.js';
import { storeFor } from './backup-stores.js';
import { BackupsController } from './backups.controller.js';
import { BackupsRepository } from './backups.repository.js';
import { BACKUP_STORE, BackupsService } from './backups.service.js';
import { DumpRepository } from './dump.repository.js';
import { RestoreRepository } from './restore.repository.js';
import { RestoreService } from './restore.service.js';
import { TablesReadModel } from './tables.read-model.js';
import { Workshop } from './workshop.js';

@Module({
  imports: [ClusterModule, SettingsModule, TenantsModule],
  controllers: [BackupsController],
  providers: [
    BackupsService,
    RestoreService,
    Workshop,
    BackupSchedule,
    BackupsRepository,
    DumpRepository,
    RestoreRepository,
    TablesReadModel,
    { provide: BACKUP_STORE, inject: [Environment], useFactory: storeFor },
  ],
})
export class BackupModule {}
