import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';

/** Something that is not as it should be. */
export interface Difference {
  /** `subscription`, `invoice`, `plan`, `usage`. */
  kind: string;
  tenantId: string | null;
  /** Id of the object, ours or Stripe's. */
  object: string;
  field: string;
  here: string | null;
  there: string | null;
}

export interface Reconciliation {
  id: string;
  provider: string;
  startedAt: Date;
  finishedAt: Date;
  subscriptionsChecked: number;
  differences: Difference[];
  /** Why it could not be finished; null when it was. */
  error: string | null;
}

@Injectable()
export class ReconciliationRepository {
  async insert(tx: Transaction, run: Omit<Reconciliation, 'id' | 'finishedAt'>): Promise<Reconciliation> {
    const [row] = await tx.query(
      `INSERT INTO billing_reconciliations (id, provider, started_at, subscriptions_checked, differences, error)
       VALUES ($1, $2, $3, $4, $5, $6) RETURNING *`,
      [
        newId('run'),
        run.provider,
        run.startedAt,
        run.subscriptionsChecked,
        JSON.stringify(run.differences),
        run.error,
      ],
    );
    return toReconciliation(row);
  }

  async page(tx: Transaction, request: PageRequest): Promise<Page<Reconciliation>> {
    const rows: Row[] = await tx.query(
      'SELECT * FROM billing_reconciliations ORDER BY started_at DESC, id DESC LIMIT $1 OFFSET $2',
      [request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM billing_reconciliations');
    return new Page(rows.map(toReconciliation), n, request.page, request.limit);
  }

  async lastRun(tx: Transaction): Promise<Date | null> {
    const [row] = await tx.query('SELECT max(started_at) AS at FROM billing_reconciliations');
    return row.at;
  }

  /** Invoices whose lines do not add up to what is due. */
  async brokenInvoices(tx: Transaction): Promise<Difference[]> {
    const rows: { id: string; tenant_id: string; amount_due: string; sum: string }[] = await tx.query(
      `SELECT i.id, i.tenant_id, i.amount_due, s.sum FROM invoices i,
         LATERAL (SELECT coalesce(sum((l ->> 'amount')::bigint), 0) AS sum FROM jsonb_array_elements(i.lines) l) s
       WHERE s.sum <> i.amount_due LIMIT 1000`,
    );
    return rows.map((r) => ({
      kind: 'invoice',
      tenantId: r.tenant_id,
      object: r.id,
      field: 'amount_due',
      here: r.amount_due,
      there: r.sum,
    }));
  }

  /** Days, by tenant, on which the ledger of usage and telemetry do not agree. */
  async usageDifferences(tx: Transaction, from: Date, to: Date): Promise<Difference[]> {
    const rows: { tenant_id: string; day: string; ledger: string; counted: string }[] = await tx.query(
      `WITH ledger AS (SELECT tenant_id, sum(requests) AS n FROM usage_minutes WHERE minute >= $1 AND minute < $2 GROUP BY 1),
            counted AS (SELECT t.tenant_id, sum(t.requests) AS n FROM traffic_minutes t JOIN tenants x ON x.id = t.tenant_id
                        WHERE t.minute >= $1 AND t.minute < $2 GROUP BY 1)
       SELECT coalesce(l.tenant_id, c.tenant_id) AS tenant_id, to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
              coalesce(l.n, 0)::text AS ledger, coalesce(c.n, 0)::text AS counted
       FROM ledger l FULL JOIN counted c ON c.tenant_id = l.tenant_id
       WHERE coalesce(l.n, 0) <> coalesce(c.n, 0) LIMIT 1000`,
      [from, to],
    );
    return rows.map((r) => ({
      kind: 'usage',
      tenantId: r.tenant_id,
      object: r.day,
      field: 'requests',
      here: r.ledger,
      there: r.counted,
    }));
  }

  /** Tenants that have a live subscription, or whose subscription ended. */
  async subscribedTenants(tx: Transaction): Promise<{ id: string; plan: string }[]> {
    return tx.query(
      `SELECT t.id, t.plan FROM tenants t
       WHERE EXISTS (SELECT 1 FROM subscriptions s WHERE s.tenant_id = t.id
                     AND s.status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused'))`,
    );
  }
}

interface Row {
  id: string;
  provider: string;
  started_at: Date;
  finished_at: Date;
  subscriptions_checked: number;
  differences: Difference[];
  error: string | null;
}

const toReconciliation = (row: Row): Reconciliation => ({
  id: row.id,
  provider: row.provider,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  subscriptionsChecked: row.subscriptions_checked,
  differences: row.differences,
  error: row.error,
});
