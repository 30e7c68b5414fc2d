export { DataPlaneStatusResponse } from './dataplane.dto.js';
export { DataPlaneModule } from './dataplane.module.js';
export { BACKEND_HEALTH, type BackendHealthChanged, DataPlaneService } from './dataplane.service.js';
