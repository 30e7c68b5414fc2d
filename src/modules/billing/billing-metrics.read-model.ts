import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

export interface BillingFigures {
  subscriptions: { plan: string; status: string; n: number }[];
  invoices: { status: string; n: number }[];
  /** What open invoices still ask for, minor units. */
  outstanding: { currency: string; amount: number }[];
  /** Stripe's events that were taken in, by the state of the work on them. */
  events: { state: string; n: number }[];
  /** How far behind the collection of usage is. */
  usageLagSeconds: number;
}

/** Sums over the bills of all tenants; takes a system transaction. */
@Injectable()
export class BillingMetricsReadModel {
  async read(tx: Transaction): Promise<BillingFigures> {
    const [{ lag }] = await tx.query(
      `SELECT greatest(0, extract(epoch FROM clock_timestamp() - collected_until))::float8 AS lag FROM usage_progress`,
    );
    return {
      subscriptions: await tx.query(
        `SELECT plan, status, count(*)::int AS n FROM subscriptions GROUP BY plan, status`,
      ),
      invoices: await tx.query(`SELECT status, count(*)::int AS n FROM invoices GROUP BY status`),
      outstanding: await tx.query(
        `SELECT currency, sum(amount_due - amount_paid)::float8 AS amount FROM invoices
         WHERE status = 'open' GROUP BY currency`,
      ),
      events: await tx.query(
        `SELECT state, count(*)::int AS n FROM stripe_events WHERE state <> 'done' GROUP BY state`,
      ),
      usageLagSeconds: lag,
    };
  }
}
