import { Injectable } from '@nestjs/common';
import { notFound } from '../../../common/errors.js';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import type { Transaction } from '../../../platform/database/index.js';

export type EventState = 'pending' | 'running' | 'done' | 'dead';

/** What was delivered. `payload` is the whole event as it came. */
export interface StripeEventRow {
  id: string;
  type: string;
  object_type: string | null;
  object_id: string | null;
  api_version: string | null;
  livemode: boolean | null;
  created: Date;
  payload: Record<string, unknown>;
  /** What came of it: `applied`, or why nothing did. */
  outcome: string | null;
  deliveries: number;
  handled_at: Date | null;
  created_at: Date;
  state: EventState;
  attempts: number;
  last_error: string | null;
}

export type NewStripeEvent = Pick<
  StripeEventRow,
  'id' | 'type' | 'object_type' | 'object_id' | 'api_version' | 'livemode' | 'created' | 'payload'
>;

/** The inbox of webhooks. It belongs to the installation: system transactions only. */
@Injectable()
export class StripeEventsRepository {
  /** Stores an event, or counts one more delivery of it. */
  async put(tx: Transaction, event: NewStripeEvent): Promise<{ state: EventState; deliveries: number }> {
    const [row] = await tx.query(
      `INSERT INTO stripe_events (id, type, object_type, object_id, api_version, livemode, created, payload)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (id) DO UPDATE SET deliveries = stripe_events.deliveries + 1
       RETURNING state, deliveries`,
      [
        event.id,
        event.type,
        event.object_type,
        event.object_id,
        event.api_version,
        event.livemode,
        event.created,
        JSON.stringify(event.payload),
      ],
    );
    return row;
  }

  /** Written in the transaction that ends the event. */
  async setOutcome(tx: Transaction, id: string, outcome: string): Promise<void> {
    await tx.query('UPDATE stripe_events SET outcome = $2, handled_at = clock_timestamp() WHERE id = $1', [
      id,
      outcome.slice(0, 500),
    ]);
  }

  async page(tx: Transaction, state: EventState | null, request: PageRequest): Promise<Page<StripeEventRow>> {
    const items: StripeEventRow[] = await tx.query(
      `SELECT * FROM stripe_events WHERE $1::text IS NULL OR state = $1
       ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3`,
      [state, request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query(
      'SELECT count(*)::int AS n FROM stripe_events WHERE $1::text IS NULL OR state = $1',
      [state],
    );
    return new Page(items, n, request.page, request.limit);
  }

  /** Makes the event pending again, with all its tries; one that is being handled is left alone. */
  async replay(tx: Transaction, id: string): Promise<StripeEventRow> {
    await tx.query(
      `UPDATE stripe_events SET state = 'pending', attempts = 0, available_at = clock_timestamp(), last_error = NULL
       WHERE id = $1 AND state <> 'running'`,
      [id],
    );
    const [row] = await tx.query('SELECT * FROM stripe_events WHERE id = $1', [id]);
    if (!row) throw notFound('Webhook event', id);
    return row;
  }

  /**
   * A number for a reading of an object at Stripe, taken before the request goes out: the answer to a later number is
   * at least as new as everything that was delivered before the number was taken.
   */
  async ticket(tx: Transaction): Promise<number> {
    const [row] = await tx.query(`SELECT nextval('stripe_tickets') AS n`);
    return Number(row.n);
  }

  /** One transaction at a time for everything that has this key. */
  async lock(tx: Transaction, key: string): Promise<void> {
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`stripe ${key}`]);
  }

  /** Whether nothing read later was applied to this object already. */
  async claimTicket(tx: Transaction, objectId: string, ticket: number): Promise<boolean> {
    const rows = await tx.query(
      `INSERT INTO stripe_objects (id, ticket) VALUES ($1, $2)
       ON CONFLICT (id) DO UPDATE SET ticket = EXCLUDED.ticket WHERE stripe_objects.ticket < EXCLUDED.ticket
       RETURNING id`,
      [objectId, ticket],
    );
    return rows.length > 0;
  }
}
