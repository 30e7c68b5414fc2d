export { BackendResponse, CreateBackendRequest, UpdateBackendRequest } from './backends.dto.js';
export { unknownPool } from './backends.errors.js';
export { BackendsModule } from './backends.module.js';
export { type BackendRow, type BackendSource, BackendsReadModel } from './backends.read-model.js';
export { BackendsService } from './backends.service.js';
export { HealthCheckRequest, HealthCheckResponse } from './health-check.dto.js';
export {
  DEFAULT_HEALTH_CHECK,
  type HealthCheck,
  requireTimeoutWithinInterval,
  withDefaults,
} from './health-check.js';
export { WeightFactors } from './weight-factors.repository.js';
