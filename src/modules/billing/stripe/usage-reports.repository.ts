import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import type { Transaction } from '../../../platform/database/index.js';
import type { StripeMeter } from './stripe-catalog.js';

/** One report to Stripe: a quantity of one meter in one hour. */
export interface UsageReportRow {
  id: string;
  attempts: number;
  tenant_id: string;
  meter: StripeMeter;
  hour: Date;
  quantity: string;
}

@Injectable()
export class UsageReportsRepository {
  /**
   * Makes reports of what the ledger has and no report covers, for the hours that ended before `before`. An hour that
   * grew after it was reported gets a second report of the difference. Traffic from before the subscription is free.
   * @returns how many were made
   */
  async makeMissing(tx: Transaction, from: Date, before: Date): Promise<number> {
    // two runs at once would both see the same gap
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('usage reports', 0))`);
    const missing: { tenant_id: string; meter: StripeMeter; hour: Date; quantity: string }[] = await tx.query(
      `WITH used AS (
         SELECT u.tenant_id, date_trunc('hour', u.minute) AS hour, sum(u.requests) AS requests, sum(u.bytes) AS bytes
         FROM usage_minutes u
         JOIN (SELECT tenant_id, min(anchor) AS since FROM subscriptions
               WHERE provider = 'stripe' AND external_id IS NOT NULL AND status IN ('active', 'trialing', 'past_due', 'unpaid')
               GROUP BY tenant_id) s ON s.tenant_id = u.tenant_id AND u.minute >= s.since
         JOIN billing_accounts a ON a.tenant_id = u.tenant_id AND a.stripe_customer_id IS NOT NULL
         WHERE u.minute >= $1 AND u.minute < $2 GROUP BY 1, 2),
       metered AS (
         SELECT tenant_id, hour, 'requests' AS meter, requests AS quantity FROM used
         UNION ALL SELECT tenant_id, hour, 'bytes', bytes FROM used)
       SELECT m.tenant_id, m.meter, m.hour, (m.quantity - coalesce(sum(r.quantity), 0))::text AS quantity
       FROM metered m LEFT JOIN usage_reports r ON (r.tenant_id, r.meter, r.hour) = (m.tenant_id, m.meter, m.hour)
       GROUP BY m.tenant_id, m.meter, m.hour, m.quantity HAVING m.quantity > coalesce(sum(r.quantity), 0)
       LIMIT 1000`,
      [from, before],
    );
    for (const { tenant_id, meter, hour, quantity } of missing)
      await tx.query(
        'INSERT INTO usage_reports (id, tenant_id, meter, hour, quantity) VALUES ($1, $2, $3, $4, $5)',
        [newId('event'), tenant_id, meter, hour, quantity],
      );
    return missing.length;
  }
}
