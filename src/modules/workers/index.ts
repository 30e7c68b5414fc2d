export { type ClusterStatus, ClusterStatusService } from './cluster-status.service.js';
export { WorkersModule } from './workers.module.js';
