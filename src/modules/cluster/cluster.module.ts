import { Module } from '@nestjs/common';
import { NodesController } from './nodes.controller.js';
import { NodesRepository } from './nodes.repository.js';
import { NodesService } from './nodes.service.js';
import { ServiceWatch } from './probes/service-watch.js';
import { SharedLimits } from './shared-limits.js';

@Module({
  controllers: [NodesController],
  providers: [NodesService, NodesRepository, ServiceWatch, SharedLimits],
  exports: [NodesService, ServiceWatch],
})
export class ClusterModule {}
