export { WebhooksModule } from './webhooks.module.js';
export { OUTGOING_WEBHOOKS } from './webhooks.openapi.js';
