export { SettingsResponse, UpdateSettingsRequest } from './settings.dto.js';
export { SettingsModule } from './settings.module.js';
export { type Settings, SettingsService } from './settings.service.js';
