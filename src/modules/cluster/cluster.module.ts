import { Module } from '@nestjs/common';
import { NodesRepository } from './nodes.repository.js';
import { NodesService } from './nodes.service.js';

@Module({ providers: [NodesService, NodesRepository], exports: [NodesService] })
export class ClusterModule {}
