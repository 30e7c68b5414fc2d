import { Injectable } from '@nestjs/common';
import { notFound } from '../../common/errors.js';
import { type Prepared, prepared, rowsOf, send, type Transaction } from '../../platform/database/index.js';
import type { LimitedKind, Plan, PlanId } from './plans.js';

/** The table in which each kind is counted. */
export const COUNTED: Record<LimitedKind, string> = {
  pools: 'pools',
  backends: 'backends',
  routes: 'routes',
  users: 'memberships',
};

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

const PLAN_COLUMNS = [
  'id',
  'version',
  'name',
  'rank',
  'currency',
  'price_monthly',
  'price_yearly',
  'trial_days',
  'max_pools',
  'max_backends',
  'max_routes',
  'max_users',
  'requests_per_month',
  'ai_jobs_per_month',
  'sso',
  'backups_kept',
  'included_requests',
  'included_bytes',
  'price_per_million_requests',
  'price_per_gb',
  'features',
] satisfies (keyof PlanRow)[];

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

/** A tenant's plan, its own limit on users, and how many it has of one kind. */
export interface Standing {
  plan: Plan;
  own: number | null;
  have: number;
}
type StandingRow = PlanRow & Pick<Standing, 'own' | 'have'>;

const standingOf = (kind: LimitedKind) =>
  prepared(
    `SELECT ${PLAN_COLUMNS.map((column) => `p.${column}`).join(', ')}, (t.settings ->> 'max_users')::int AS own,
            (SELECT count(*)::int FROM ${COUNTED[kind]} c WHERE c.tenant_id = t.id) AS have
     FROM tenants t JOIN plans p ON (p.id, p.version) = (t.plan, t.plan_version) WHERE t.id = $1`,
  );
const STANDING = {
  pools: standingOf('pools'),
  backends: standingOf('backends'),
  routes: standingOf('routes'),
  users: standingOf('users'),
} satisfies Record<LimitedKind, Prepared>;
const LOCK = prepared('SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE');

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

  /** How many backups the plan promises that promises most of those that tenants have; 1 without tenants. */
  async mostBackupsKept(tx: Transaction): Promise<number> {
    const [row] = await tx.query(
      'SELECT coalesce(max(p.backups_kept), 1)::int AS n FROM plans p JOIN tenants t ON (t.plan, t.plan_version) = (p.id, p.version)',
    );
    return row.n;
  }

  /** In one round trip. */
  async standing(tx: Transaction, tenantId: string, kind: LimitedKind): Promise<Standing> {
    const [row] = await rowsOf<StandingRow>(tx, STANDING[kind], tenantId);
    return toStanding(row, tenantId, kind);
  }

  /**
   * As `standing`, as of the moment at which the tenant's row was locked, until the transaction ends; see
   * `TenantsRepository.lock`.
   */
  async lockedStanding(tx: Transaction, tenantId: string, kind: LimitedKind): Promise<Standing> {
    const [, rows] = await send<[object[], StandingRow[]]>(tx, [LOCK, tenantId], [STANDING[kind], tenantId]);
    return toStanding(rows[0], tenantId, kind);
  }
}

function toStanding(row: StandingRow | undefined, tenantId: string, kind: LimitedKind): Standing {
  if (!row) throw notFound('Tenant', tenantId);
  return { plan: toPlan(row), own: kind === 'users' ? row.own : null, have: row.have };
}
