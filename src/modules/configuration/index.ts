export { ReloadResponse } from './configuration.dto.js';
export { ConfigurationModule } from './configuration.module.js';
