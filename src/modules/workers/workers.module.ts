import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/index.js';
import { MonitoringModule } from '../monitoring/index.js';
import { SettingsModule } from '../settings/index.js';
import { AgentGateway } from './agent.gateway.js';
import { AgentConnections } from './agent-connections.js';
import { ClusterMetrics } from './cluster-metrics.js';
import { ClusterStatusController } from './cluster-status.controller.js';
import { ClusterStatusService } from './cluster-status.service.js';
import { EnrollmentController } from './enrollment.controller.js';
import { EnrollmentService } from './enrollment.service.js';
import { EnrollmentTokensRepository } from './enrollment-tokens.repository.js';
import { WorkerAlerts } from './worker-alerts.js';
import { WorkerWatch } from './worker-watch.js';
import { WorkersController } from './workers.controller.js';
import { WorkersRepository } from './workers.repository.js';
import { WorkersService } from './workers.service.js';

@Module({
  imports: [SettingsModule, ClusterModule, MonitoringModule],
  // the paths of enrolment are tried before the ones that take any worker id
  controllers: [EnrollmentController, WorkersController, ClusterStatusController],
  providers: [
    AgentGateway,
    AgentConnections,
    ClusterMetrics,
    ClusterStatusService,
    EnrollmentService,
    EnrollmentTokensRepository,
    WorkerAlerts,
    WorkerWatch,
    WorkersRepository,
    WorkersService,
  ],
  exports: [ClusterStatusService],
})
export class WorkersModule {}
