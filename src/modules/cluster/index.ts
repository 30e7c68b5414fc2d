export { ClusterModule } from './cluster.module.js';
export type { NodeRow } from './nodes.repository.js';
export { NodesService } from './nodes.service.js';
export { type ServiceReadings, ServiceWatch } from './probes/service-watch.js';
