export { BillingModule } from './billing.module.js';
export { type CurrentUsage, UsageService } from './usage.service.js';
export { type Meter, UsageMeter } from './usage-meter.js';
