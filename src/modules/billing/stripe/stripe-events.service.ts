import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../../platform/database/index.js';
import type { JobControl } from '../../../platform/jobs/index.js';
import { type StripeEventRow, StripeEventsRepository } from '../webhooks/stripe-events.repository.js';
import { momentOf } from './event-order.js';
import { StripeGateway } from './stripe-gateway.js';
import { NotApplicable, readInvoice, readSubscription } from './stripe-mapping.js';
import { type Source, StripeSync } from './stripe-sync.service.js';

const PAYMENT_FAILED = new Set(['invoice.payment_failed', 'invoice.payment_action_required']);

/** What an event is about, by its type. */
type Subject = { kind: 'subscription' | 'invoice' | 'checkout_expired'; id: string } | null;

/** What an event says, as far as this program follows it. */
interface Reading {
  /** Whatever has the same key is changed by one transaction at a time: a subscription and its invoices. */
  lock: string;
  apply(tx: Transaction): Promise<string>;
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

const objectOf = (row: StripeEventRow): Record<string, unknown> =>
  ((row.payload.data as Record<string, unknown> | undefined)?.object as Record<string, unknown>) ?? {};

function subjectOf(row: StripeEventRow): Subject {
  const id = row.object_id;
  if (!id) return null;
  if (row.type.startsWith('customer.subscription.')) return { kind: 'subscription', id };
  if (row.type.startsWith('invoice.') && row.object_type !== 'invoice_payment')
    return { kind: 'invoice', id };
  if (row.type === 'checkout.session.expired') return { kind: 'checkout_expired', id };
  if (row.type === 'checkout.session.completed') {
    const subscription = text(objectOf(row).subscription);
    return subscription ? { kind: 'subscription', id: subscription } : null;
  }
  return null;
}

/**
 * Handles one event of the inbox. With a key, the event only says which object to look at: the object is read from
 * Stripe, so that the order of events does not matter. A reading has a ticket, taken before the request: of two
 * readings of one object the one with the later ticket stays, whichever answer comes first.
 */
@Injectable()
export class StripeEvents {
  constructor(
    private readonly database: Database,
    private readonly events: StripeEventsRepository,
    private readonly gateway: StripeGateway,
    private readonly sync: StripeSync,
  ) {}

  async handle(row: StripeEventRow, job: JobControl): Promise<void> {
    const reading = await this.read(row).catch((e: unknown) => {
      if (e instanceof NotApplicable) return e.message;
      throw e;
    });
    await job.finish(async (tx) => {
      const outcome = typeof reading === 'string' ? reading : await this.apply(tx, reading);
      await this.events.setOutcome(tx, row.id, outcome);
    });
  }

  /** What is not applicable is found out before anything is written, so its transaction can go on. */
  private async apply(tx: Transaction, reading: Reading): Promise<string> {
    await this.events.lock(tx, reading.lock);
    try {
      return await reading.apply(tx);
    } catch (e) {
      if (e instanceof NotApplicable) return e.message;
      throw e;
    }
  }

  private async read(row: StripeEventRow): Promise<Reading> {
    const subject = subjectOf(row);
    if (!subject) throw new NotApplicable('ignored: nothing here follows from this type');
    const { kind, id } = subject;
    if (kind === 'checkout_expired') return { lock: id, apply: (tx) => this.sync.checkoutExpired(tx, id) };
    return this.gateway.configured ? this.readFromStripe(kind, id) : this.readFromEvent(kind, row);
  }

  private async readFromStripe(kind: 'subscription' | 'invoice', id: string): Promise<Reading> {
    const ticket = await this.database.system((tx) => this.events.ticket(tx));
    const found =
      kind === 'subscription' ? await this.gateway.subscription(id) : await this.gateway.invoice(id);
    if (!found) throw new NotApplicable('ignored: Stripe does not have it (any more)');
    const source: Source = { kind: 'api' };
    const reading = this.reading(kind, found, source);
    return {
      lock: reading.lock,
      apply: async (tx) =>
        (await this.events.claimTicket(tx, id, ticket))
          ? reading.apply(tx)
          : 'applied: a later reading was there already',
    };
  }

  private async readFromEvent(kind: 'subscription' | 'invoice', row: StripeEventRow): Promise<Reading> {
    if (row.object_type !== kind) throw new NotApplicable('ignored: needs a Stripe key to look it up');
    const object = objectOf(row);
    const value = row.type === 'customer.subscription.deleted' ? { ...object, status: 'canceled' } : object;
    return this.reading(kind, value, {
      kind: 'event',
      moment: momentOf(row.type, row.created),
      paymentFailed: PAYMENT_FAILED.has(row.type),
    });
  }

  private reading(kind: 'subscription' | 'invoice', value: unknown, source: Source): Reading {
    if (kind === 'subscription') {
      const state = readSubscription(value);
      return {
        lock: state.id,
        apply: async (tx) => (await this.sync.subscription(tx, state, source)).outcome,
      };
    }
    const state = readInvoice(value);
    return {
      lock: state.subscriptionId ?? state.id,
      apply: (tx) => this.sync.invoice(tx, state, source),
    };
  }
}
