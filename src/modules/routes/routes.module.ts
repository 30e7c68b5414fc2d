import { Module } from '@nestjs/common';
import { TenantsModule } from '../tenants/index.js';
import { RoutesController } from './routes.controller.js';
import { RoutesReadModel } from './routes.read-model.js';
import { RoutesRepository } from './routes.repository.js';
import { RoutesService } from './routes.service.js';

@Module({
  imports: [TenantsModule],
  controllers: [RoutesController],
  providers: [RoutesService, RoutesRepository, RoutesReadModel],
  exports: [RoutesService, RoutesReadModel],
})
export class RoutesModule {}
