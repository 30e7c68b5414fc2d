export { AppliedInterceptor } from './applied.interceptor.js';
export { DataPlaneStatusResponse } from './dataplane.dto.js';
export { DataPlaneModule } from './dataplane.module.js';
export { DataPlaneService } from './dataplane.service.js';
export type { EngineStats, HealthChange } from './engine.js';
export { BACKEND_HEALTH, type BackendHealthChanged } from './telemetry-pump.js';
