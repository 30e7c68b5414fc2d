export { BillingModule } from './billing.module.js';
export { UsageMeter } from './usage-meter.js';
