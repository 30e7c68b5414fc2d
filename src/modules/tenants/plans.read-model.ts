import { Injectable } from '@nestjs/common';
import { notFound } from '../../common/errors.js';
import type { Transaction } from '../../platform/database/index.js';
import type { Plan, PlanId } from './plans.js';

interface PlanRow {
  id: PlanId;
  version: number;
  name: string;
  rank: number;
  currency: string;
  price_monthly: string;
  price_yearly: string;
  trial_days: number;
  max_pools: number | null;
  max_backends: number | null;
  max_routes: number | null;
  max_users: number | null;
  requests_per_month: string | null;
  ai_jobs_per_month: number | null;
  sso: boolean;
  backups_kept: number;
  included_requests: string;
  included_bytes: string;
  price_per_million_requests: string | null;
  price_per_gb: string | null;
  features: string[];
}

/** bigint arrives as text; every figure here is below 2^53. */
const integer = (value: string | null): number | null => (value === null ? null : Number(value));

const toPlan = (row: PlanRow): Plan => ({
  id: row.id,
  version: row.version,
  name: row.name,
  rank: row.rank,
  currency: row.currency,
  priceMonthly: Number(row.price_monthly),
  priceYearly: Number(row.price_yearly),
  trialDays: row.trial_days,
  limits: {
    pools: row.max_pools,
    backends: row.max_backends,
    routes: row.max_routes,
    users: row.max_users,
    requestsPerMonth: integer(row.requests_per_month),
    aiJobsPerMonth: row.ai_jobs_per_month,
    sso: row.sso,
    backupsKept: row.backups_kept,
  },
  included: { requests: Number(row.included_requests), bytes: Number(row.included_bytes) },
  overage: {
    perMillionRequests: integer(row.price_per_million_requests),
    perGigabyte: integer(row.price_per_gb),
  },
  features: row.features,
});

/** What plans allow and cost. Any transaction may read them. */
@Injectable()
export class PlansReadModel {
  /** The newest version of each plan, from least to most: what can be bought today. */
  async onSale(tx: Transaction): Promise<Plan[]> {
    const rows: PlanRow[] = await tx.query(
      'SELECT DISTINCT ON (rank, id) * FROM plans ORDER BY rank, id, version DESC',
    );
    return rows.map(toPlan);
  }

  /** The newest version of one plan. */
  async newest(tx: Transaction, id: PlanId): Promise<Plan> {
    const rows: PlanRow[] = await tx.query(
      'SELECT * FROM plans WHERE id = $1 ORDER BY version DESC LIMIT 1',
      [id],
    );
    if (!rows[0]) throw notFound('Plan', id);
    return toPlan(rows[0]);
  }

  async get(tx: Transaction, id: PlanId, version: number): Promise<Plan> {
    const rows: PlanRow[] = await tx.query('SELECT * FROM plans WHERE id = $1 AND version = $2', [
      id,
      version,
    ]);
    if (!rows[0]) throw notFound('Plan', `${id} ${version}`);
    return toPlan(rows[0]);
  }

  /** The plan of a tenant, in the version that it bought. */
  async ofTenant(tx: Transaction, tenantId: string): Promise<Plan> {
    const rows: PlanRow[] = await tx.query(
      'SELECT p.* FROM plans p JOIN tenants t ON (t.plan, t.plan_version) = (p.id, p.version) WHERE t.id = $1',
      [tenantId],
    );
    if (!rows[0]) throw notFound('Tenant', tenantId);
    return toPlan(rows[0]);
  }
}
