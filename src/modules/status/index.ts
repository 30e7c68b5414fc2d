export { HealthResponse } from './status.dto.js';
export { StatusModule } from './status.module.js';
export { StatusService } from './status.service.js';
