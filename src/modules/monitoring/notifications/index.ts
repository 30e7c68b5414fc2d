export type { Delivery, DeliveryFailure, NotificationSender } from './delivery.js';
export { EmailSender } from './email.sender.js';
export type { OutgoingClient } from './http-delivery.js';
export type { Notification, NotificationKind, NotificationSeverity } from './notification.js';
export { SlackSender } from './slack.sender.js';
export { WebhookSender, type WebhookTarget } from './webhook.sender.js';
export { SIGNATURE_HEADER, signWebhook } from './webhook-signature.js';
