export type { Delivery, NotificationSender } from './delivery.js';
export { EmailSender } from './email.sender.js';
export type { Notification } from './notification.js';
export { SlackSender } from './slack.sender.js';
export { WebhookSender } from './webhook.sender.js';
export { SIGNATURE_HEADER, signWebhook } from './webhook-signature.js';
