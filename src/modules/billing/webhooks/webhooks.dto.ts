import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { MayBeAbsent, PageQuery } from '../../../platform/http/index.js';
import type { EventState, StripeEventRow } from './stripe-events.repository.js';

export class WebhookResponse {
  /**
   * The delivery was taken and stored; its effects follow.
   * @example processed
   */
  webhook: 'processed';
  /** @example evt_1NG8Du2eZvKYlo2CUI79vXWy */
  event_id: string;
  /**
   * `pending` until its effects are there; `done` for one that was delivered before.
   * @example pending
   */
  state: EventState;
  /** @example false */
  duplicate: boolean;
}

export class WebhookEventQuery extends PageQuery {
  @ApiPropertyOptional({ enum: ['pending', 'running', 'done', 'dead'], example: 'dead' })
  @MayBeAbsent()
  @IsIn(['pending', 'running', 'done', 'dead'])
  state?: EventState;
}

export class WebhookEventResponse {
  /** @example evt_1NG8Du2eZvKYlo2CUI79vXWy */
  id: string;
  /** @example invoice.paid */
  type: string;
  /** @example in_1MtHbELkdIwHu7ixl4OzzPMv */
  object_id: string | null;
  /** The API version that the payload was made with. */
  api_version: string | null;
  /** @example done */
  state: EventState;
  /**
   * `applied`, or why it changed nothing; null while it waits.
   * @example applied
   */
  outcome: string | null;
  /**
   * How often it was delivered.
   * @example 1
   */
  deliveries: number;
  /**
   * How often it was tried; after 8 tries it is dead.
   * @example 1
   */
  attempts: number;
  last_error: string | null;
  /**
   * When Stripe made it.
   * @example 2026-06-19T15:30:00.000Z
   */
  created_at: string;
  /** @example 2026-06-19T15:30:01.000Z */
  received_at: string;
  handled_at: string | null;

  static from(row: StripeEventRow): WebhookEventResponse {
    return {
      id: row.id,
      type: row.type,
      object_id: row.object_id,
      api_version: row.api_version,
      state: row.state,
      outcome: row.outcome,
      deliveries: row.deliveries,
      attempts: row.attempts,
      last_error: row.last_error,
      created_at: row.created.toISOString(),
      received_at: row.created_at.toISOString(),
      handled_at: row.handled_at?.toISOString() ?? null,
    };
  }
}
