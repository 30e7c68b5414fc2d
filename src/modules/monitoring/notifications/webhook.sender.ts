import type { Delivery, NotificationSender } from './delivery.js';
import { type OutgoingClient, postJson } from './http-delivery.js';
import type { Notification } from './notification.js';
import { SIGNATURE_HEADER, signWebhook } from './webhook-signature.js';

export interface WebhookTarget {
  readonly url: string;
  /** At least one; each signs. */
  readonly secrets: readonly string[];
}

/** Posts notifications as signed JSON. `X-VeloFlux-Delivery` is the same at every attempt. */
export class WebhookSender implements NotificationSender {
  readonly channel = 'webhook';

  constructor(
    private readonly client: OutgoingClient,
    private readonly target: WebhookTarget,
  ) {}

  send(notification: Notification): Promise<Delivery> {
    const body = JSON.stringify(toPayload(notification));
    return postJson(this.client, this.target.url, body, {
      [SIGNATURE_HEADER]: signWebhook(body, this.target.secrets, new Date()),
      'X-VeloFlux-Delivery': notification.id,
      'X-VeloFlux-Event': notification.kind,
    });
  }
}

function toPayload(notification: Notification) {
  return {
    id: notification.id,
    type: notification.kind,
    data: {
      severity: notification.severity,
      component: notification.component,
      title: notification.title,
      message: notification.message,
      occurred_at: notification.occurredAt.toISOString(),
      tenant_id: notification.tenantId,
    },
  };
}
