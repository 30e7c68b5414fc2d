import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsString,
  MaxLength,
} from 'class-validator';
import { AllMayBeAbsent, IsDuration, IsLine, MayBeAbsent } from '../../platform/http/index.js';
import type { DeliveryRow, EndpointRow } from './webhooks.repository.js';

/** What a tenant can be told of. `*` is all of it. */
export const WEBHOOK_EVENTS = [
  '*',
  'backend.unhealthy',
  'backend.healthy',
  'alert.fired',
  'alert.resolved',
  'config.changed',
  'invoice.paid',
  'subscription.created',
  'subscription.upgraded',
  'subscription.canceled',
  'tenant.updated',
  'tenant.plan_changed',
  'user.added',
  'user.updated',
  'user.removed',
  'backup.restored',
] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

export class CreateWebhookEndpointRequest {
  /**
   * Https, and no private, loopback, link-local or metadata address.
   * @example https://hooks.example.com/veloflux
   */
  @IsString()
  @MaxLength(2000)
  url: string;

  /** @example ["backend.unhealthy", "alert.fired"] */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(WEBHOOK_EVENTS.length)
  @ArrayUnique()
  @IsIn(WEBHOOK_EVENTS, { each: true })
  events: WebhookEventType[];

  /** @example pager */
  @MayBeAbsent()
  @IsLine(200)
  description?: string;

  /**
   * True when not given.
   * @example true
   */
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;
}

export class UpdateWebhookEndpointRequest extends AllMayBeAbsent(CreateWebhookEndpointRequest) {}

export class RotateSecretQuery {
  /**
   * How long the old secret signs beside the new one; 24h when not given, 0s after a leak.
   * @example 24h
   */
  @MayBeAbsent()
  @IsDuration('0s', '7d')
  overlap?: string;
}

export class WebhookEndpointResponse {
  /** @example webhook_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example https://hooks.example.com/veloflux */
  url: string;
  /** @example ["backend.unhealthy", "alert.fired"] */
  events: string[];
  /** @example pager */
  description: string;
  /** @example true */
  enabled: boolean;
  /** @example 2026-06-19T10:00:00.000Z */
  created_at: string;
  /** @example 2026-06-19T10:00:00.000Z */
  updated_at: string;

  static from(row: EndpointRow): WebhookEndpointResponse {
    const { id, url, events, description, enabled, created_at, updated_at } = row;
    return {
      id,
      url,
      events,
      description,
      enabled,
      created_at: created_at.toISOString(),
      updated_at: updated_at.toISOString(),
    };
  }
}

export class WebhookEndpointWithSecret extends WebhookEndpointResponse {
  /**
   * Shown this once. Every message is signed with it: `X-VeloFlux-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">`.
   * After a rotation there is a second `v1`, of the old secret: accept a message when one of them fits.
   * @example whsec_Zx8EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAM
   */
  secret: string;
}

export class WebhookDeliveryResponse {
  /** @example delivery_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /**
   * The same for all messages about one event.
   * @example event_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  event_id: string;
  /** @example backend.unhealthy */
  type: string;
  /**
   * `dead`: given up after the last try; it can be replayed.
   * @example delivered
   */
  status: 'pending' | 'delivered' | 'dead';
  /** @example 1 */
  attempts: number;
  /**
   * HTTP status of the last answer; null when there was none.
   * @example 200
   */
  response_status: number | null;
  /**
   * Milliseconds of the last try.
   * @example 35
   */
  response_ms: number | null;
  /**
   * Why the last try failed; null when it did not.
   * @example null
   */
  error: string | null;
  /**
   * The delivery that this one repeats.
   * @example null
   */
  replay_of: string | null;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;
  /** @example 2026-06-19T15:30:00.000Z */
  delivered_at: string | null;
  /**
   * When the next try is due; null when there is none.
   * @example null
   */
  next_attempt_at: string | null;

  static from(row: DeliveryRow): WebhookDeliveryResponse {
    const status = row.state === 'done' ? 'delivered' : row.state === 'dead' ? 'dead' : 'pending';
    return {
      id: row.id,
      event_id: row.event_id,
      type: row.event_type,
      status,
      attempts: row.attempts,
      response_status: row.response_status,
      response_ms: row.response_ms,
      error: row.last_error,
      replay_of: row.replay_of,
      created_at: row.created_at.toISOString(),
      delivered_at: row.delivered_at?.toISOString() ?? null,
      next_attempt_at: status === 'pending' ? row.available_at.toISOString() : null,
    };
  }
}
