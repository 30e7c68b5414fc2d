import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import type { PlanId } from '../tenants/index.js';
import type { Period } from './billing.types.js';
import type { Usage } from './rating.js';

export interface MinuteUsage {
  tenantId: string;
  minute: Date;
  requests: number;
  bytes: number;
}

export interface UsageClosing {
  subscriptionId: string;
  period: Period;
  plan: PlanId;
  planVersion: number;
  requests: number;
  bytes: number;
  /** False for a trial: what was used then stays free. */
  billed: boolean;
}

/** The ledger of metered usage: one row a tenant and minute, with absolute figures, so that no run counts twice. */
@Injectable()
export class UsageRepository {
  /** Minutes of tenants that are gone are left out. */
  async putMinutes(tx: Transaction, rows: readonly MinuteUsage[]): Promise<void> {
    if (!rows.length) return;
    await tx.query(
      `INSERT INTO usage_minutes (tenant_id, minute, requests, bytes)
       SELECT r.* FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[]) AS r(tenant_id, minute, requests, bytes)
       JOIN tenants t ON t.id = r.tenant_id
       ON CONFLICT (tenant_id, minute) DO UPDATE SET requests = EXCLUDED.requests, bytes = EXCLUDED.bytes
         WHERE (usage_minutes.requests, usage_minutes.bytes) IS DISTINCT FROM (EXCLUDED.requests, EXCLUDED.bytes)`,
      [
        rows.map((r) => r.tenantId),
        rows.map((r) => r.minute.toISOString()),
        rows.map((r) => r.requests),
        rows.map((r) => r.bytes),
      ],
    );
  }

  /** Every minute before this is in the ledger, but for what a node that was cut off brings later. */
  async collectedUntil(tx: Transaction): Promise<Date> {
    const [row] = await tx.query('SELECT collected_until FROM usage_progress');
    return row.collected_until;
  }

  async setCollectedUntil(tx: Transaction, at: Date): Promise<void> {
    await tx.query('UPDATE usage_progress SET collected_until = greatest(collected_until, $1)', [at]);
  }

  /** Sums of [start, end). */
  async sum(tx: Transaction, tenantId: string, { start, end }: Period): Promise<Usage> {
    const [row] = await tx.query(
      `SELECT (SELECT coalesce(sum(requests), 0) FROM usage_minutes
                WHERE tenant_id = $1 AND minute >= $2 AND minute < $3) AS requests,
              (SELECT coalesce(sum(bytes), 0) FROM usage_minutes
                WHERE tenant_id = $1 AND minute >= $2 AND minute < $3) AS bytes,
              (SELECT coalesce(sum(quantity), 0) FROM usage_events
                WHERE tenant_id = $1 AND meter = 'ai_jobs' AND at >= $2 AND at < $3) AS ai_jobs`,
      [tenantId, start, end],
    );
    return { requests: Number(row.requests), bytes: Number(row.bytes), aiJobs: Number(row.ai_jobs) };
  }

  /** Requests of all tenants in [start, end). */
  async requestsOfAll(tx: Transaction, { start, end }: Period): Promise<number> {
    const [row] = await tx.query(
      'SELECT coalesce(sum(requests), 0) AS n FROM usage_minutes WHERE minute >= $1 AND minute < $2',
      [start, end],
    );
    return Number(row.n);
  }

  /** @returns whether the key is new */
  async addEvent(
    tx: Transaction,
    tenantId: string,
    meter: string,
    key: string,
    quantity: number,
  ): Promise<boolean> {
    const rows = await tx.query(
      `INSERT INTO usage_events (tenant_id, meter, key, quantity) VALUES ($1, $2, $3, $4)
       ON CONFLICT (tenant_id, meter, key) DO NOTHING RETURNING key`,
      [tenantId, meter, key, quantity],
    );
    return rows.length > 0;
  }

  async hasEvent(tx: Transaction, tenantId: string, meter: string, key: string): Promise<boolean> {
    const rows = await tx.query(
      'SELECT 1 FROM usage_events WHERE tenant_id = $1 AND meter = $2 AND key = $3',
      [tenantId, meter, key],
    );
    return rows.length > 0;
  }

  async close(tx: Transaction, tenantId: string, closing: UsageClosing): Promise<void> {
    await tx.query(
      `INSERT INTO usage_closings (tenant_id, subscription_id, period_start, period_end, plan, plan_version, requests, bytes, billed)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       ON CONFLICT (tenant_id, subscription_id, period_start) DO UPDATE SET requests = EXCLUDED.requests, bytes = EXCLUDED.bytes`,
      [
        tenantId,
        closing.subscriptionId,
        closing.period.start,
        closing.period.end,
        closing.plan,
        closing.planVersion,
        closing.requests,
        closing.bytes,
        closing.billed,
      ],
    );
  }

  async lastClosing(tx: Transaction, tenantId: string, subscriptionId: string): Promise<UsageClosing | null> {
    const [row] = await tx.query(
      `SELECT * FROM usage_closings WHERE tenant_id = $1 AND subscription_id = $2
       ORDER BY period_start DESC LIMIT 1`,
      [tenantId, subscriptionId],
    );
    if (!row) return null;
    return {
      subscriptionId,
      period: { start: row.period_start, end: row.period_end },
      plan: row.plan,
      planVersion: row.plan_version,
      requests: Number(row.requests),
      bytes: Number(row.bytes),
      billed: row.billed,
    };
  }
}
