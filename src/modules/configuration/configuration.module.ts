import { Module } from '@nestjs/common';
import { BackendsModule } from '../backends/index.js';
import { DataPlaneModule } from '../dataplane/index.js';
import { PoolsModule } from '../pools/index.js';
import { RoutesModule } from '../routes/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { TenantsModule } from '../tenants/index.js';
import { BulkController } from './bulk.controller.js';
import { BulkService } from './bulk.service.js';
import { ConfigVersionsController } from './config-versions.controller.js';
import { ConfigVersionsRepository } from './config-versions.repository.js';
import { ConfigurationController } from './configuration.controller.js';
import { ConfigurationReader } from './configuration.reader.js';
import { ConfigurationService } from './configuration.service.js';
import { Importer } from './importer.service.js';
import { TenantConfigurationController } from './tenant-configuration.controller.js';

@Module({
  imports: [PoolsModule, BackendsModule, RoutesModule, DataPlaneModule, TelemetryModule, TenantsModule],
  controllers: [
    ConfigurationController,
    ConfigVersionsController,
    BulkController,
    TenantConfigurationController,
  ],
  providers: [ConfigurationService, Importer, BulkService, ConfigurationReader, ConfigVersionsRepository],
  exports: [ConfigurationService],
})
export class ConfigurationModule {}
