import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { AppError } from '../../common/errors.js';
import { newId } from '../../common/ids.js';
import { PlanLimits } from './plan-limits.js';
import type { PlanId } from './plans.js';
import { PlansReadModel } from './plans.read-model.js';
import { TenantsRepository } from './tenants.repository.js';

describe('PlanLimits', () => {
  let db: TestDatabase;
  const plans = new PlansReadModel();
  const tenants = new TenantsRepository(plans);
  const limits = new PlanLimits(tenants, plans);

  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db.close());

  const newTenant = (plan: PlanId, settings = {}) =>
    db.database.system((tx) => tenants.insert(tx, { name: 'Acme', plan, settings }));
  const makePool = (tenantId: string) =>
    db.database.tenant(tenantId, async (tx) => {
      await limits.requireRoom(tx, tenantId, 'pools');
      await tx.query(
        `INSERT INTO pools (id, tenant_id, name, algorithm, health_check, connect_timeout, response_timeout, retries)
         VALUES ($1, $2, $1, 'round_robin', '{}', '1s', '1s', 0)`,
        [newId('pool'), tenantId],
      );
    });

  it('lets exactly one of 100 inserts at once through when one is left', async () => {
    const { id } = await newTenant('free');
    for (let i = 0; i < 4; i++) await makePool(id);
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => makePool(id)));
    const refused = results.filter((r) => r.status === 'rejected').map((r) => r.reason as AppError);
    expect(refused).toHaveLength(99);
    expect(new Set(refused.map((e) => `${e.status} ${e.code}`))).toEqual(new Set(['403 PLAN_LIMIT_REACHED']));
    expect(refused[0]!.message).toBe("At most 5 pools on the plan 'free'; the plan 'basic' allows more");
    const [row] = await db.sql('SELECT count(*)::int AS n FROM pools WHERE tenant_id = $1', [id]);
    expect(row).toEqual({ n: 5 });
  });

  it('names no plan when the limit is the tenant’s own', async () => {
    const { id } = await newTenant('basic', { max_users: 0 });
    const refused = db.database.tenant(id, (tx) => limits.requireRoom(tx, id, 'users'));
    await expect(refused).rejects.toThrow("At most 0 users on the plan 'basic'");
    await expect(refused).rejects.not.toThrow('allows more');
  });

  it('sets no limit where the plan has none', async () => {
    const { id } = await newTenant('enterprise');
    await db.database.tenant(id, (tx) => limits.requireRoom(tx, id, 'routes'));
  });

  it('tells what a tenant has more of than another plan allows', async () => {
    const { id } = await newTenant('basic');
    for (let i = 0; i < 6; i++) await makePool(id);
    const free = await db.database.system((tx) => plans.newest(tx, 'free'));
    const excess = await db.database.tenant(id, (tx) => limits.excessOf(tx, id, free));
    expect(excess).toEqual([{ kind: 'pools', have: 6, limit: 5 }]);
  });

  it('keeps the terms that a tenant bought when a newer version is on sale', async () => {
    const { id } = await newTenant('free');
    await db.sql(`INSERT INTO plans SELECT id, 2, name, rank, currency, price_monthly, price_yearly, trial_days,
      1, max_backends, max_routes, max_users, requests_per_month, ai_jobs_per_month, sso, backups_kept,
      included_requests, included_bytes, price_per_million_requests, price_per_gb, features
      FROM plans WHERE id = 'free' AND version = 1`);
    const [bought, onSale] = await db.database.system(async (tx) => [
      await plans.ofTenant(tx, id),
      (await plans.onSale(tx))[0],
    ]);
    expect([bought.version, bought.limits.pools]).toEqual([1, 5]);
    expect([onSale!.version, onSale!.limits.pools]).toEqual([2, 1]);
  });

  it('leaves the plans themselves to migrations', async () => {
    const change = db.database.system((tx) => tx.query(`UPDATE plans SET price_monthly = 1`));
    await expect(change).rejects.toThrow('permission denied');
  });
});
