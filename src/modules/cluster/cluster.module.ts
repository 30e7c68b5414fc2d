import { Module } from '@nestjs/common';
import { NodesRepository } from './nodes.repository.js';
import { NodesService } from './nodes.service.js';
import { ServiceWatch } from './probes/service-watch.js';

@Module({ providers: [NodesService, NodesRepository, ServiceWatch], exports: [NodesService, ServiceWatch] })
export class ClusterModule {}
