import { BillingApp } from '../../../test/support/billing.js';
import { AppError } from '../../common/errors.js';
import { newId } from '../../common/ids.js';
import type { PlanId } from '../tenants/index.js';
import type { BillingCycle, SubscriptionChange } from './billing.types.js';
import { BuiltinProvider } from './builtin.provider.js';
import { InvoicesService } from './invoices.service.js';
import { Renewals } from './renewals.service.js';
import type { Subscription } from './subscription.entity.js';
import { SubscriptionsService } from './subscriptions.service.js';

const at = (text: string) => new Date(`${text}Z`);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (e: AppError) => `${e.status} ${e.code}: ${e.message}`,
  );

describe('Subscriptions of the built-in billing', () => {
  let app: BillingApp;
  let provider: BuiltinProvider;
  let renewals: Renewals;
  let invoices: InvoicesService;

  beforeAll(async () => {
    app = await BillingApp.start();
    provider = app.get(BuiltinProvider);
    renewals = app.get(Renewals);
    invoices = app.get(InvoicesService);
    // the test says what time it is
    await renewals.onModuleDestroy();
  });
  afterAll(() => app.close());

  const start = (tenantId: string, plan: PlanId, now: Date, cycle: BillingCycle = 'monthly', trial = false) =>
    provider.start({ tenantId, plan, cycle, paymentMethod: 'manual', trial, email: 'ada@example.com' }, now);
  const change = (s: Subscription, wanted: SubscriptionChange, now: Date) =>
    provider.change(s.tenant_id, s.id, wanted, now);
  const read = (s: Subscription) => app.get(SubscriptionsService).get(s.tenant_id, s.id);
  const invoicesOf = async (tenantId: string) => {
    const { items } = await invoices.list(tenantId, { page: 1, limit: 100 });
    const inOrder = items.reverse();
    for (const i of inOrder) expect(i.lines.reduce((sum, l) => sum + l.amount, 0)).toBe(i.amount_due);
    return inOrder;
  };
  const linesOf = async (tenantId: string) =>
    (await invoicesOf(tenantId)).map((i) => i.lines.map((l) => `${l.description}: ${l.amount}`));
  const use = (tenantId: string, minute: Date, requests: number, bytes = 0) =>
    app.db.sql(
      `INSERT INTO usage_minutes VALUES ($1, $2, $3, $4)
       ON CONFLICT (tenant_id, minute) DO UPDATE SET requests = EXCLUDED.requests`,
      [tenantId, minute, requests, bytes],
    );

  it('puts the tenant on the plan at once and issues an invoice for the period in advance', async () => {
    const tenantId = await app.tenant();
    const made = await start(tenantId, 'basic', at('2026-01-31T10:00:30'));
    expect([made.status, made.amount, made.currency]).toEqual(['active', 999, 'USD']);
    expect([made.current_period_start, made.current_period_end]).toEqual([
      at('2026-01-31T10:00:00'),
      at('2026-02-28T10:00:00'),
    ]);
    expect(await app.planOf(tenantId)).toBe('basic');
    expect(await linesOf(tenantId)).toEqual([['Basic: 999']]);
  });

  it('lets one of many subscriptions at once through', async () => {
    const tenantId = await app.tenant();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => codeOf(start(tenantId, 'basic', new Date()))),
    );
    expect(answers.filter((a) => a === 'done')).toHaveLength(1);
    expect(answers.filter((a) => a.startsWith('409 SUBSCRIPTION_EXISTS'))).toHaveLength(9);
    expect(await invoicesOf(tenantId)).toHaveLength(1);
  });

  it('prorates an upgrade to the moment and keeps the period', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'basic', at('2026-06-01T00:00:00'));
    const up = await change(s, { plan: 'professional' }, at('2026-06-16T00:00:00'));
    expect([up.plan, up.amount, up.current_period_end]).toEqual([
      'professional',
      2999,
      at('2026-07-01T00:00:00'),
    ]);
    expect(await app.planOf(tenantId)).toBe('professional');
    expect((await linesOf(tenantId))[1]).toEqual([
      'Unused time on Basic: -499',
      'Remaining time on Professional: 1499',
    ]);
  });

  it('begins a new period when the cycle changes, and carries credit forward until it is used up', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'basic', at('2026-01-01T00:00:00'), 'yearly');
    const up = await change(s, { plan: 'professional', cycle: 'monthly' }, at('2026-01-01T00:00:00'));
    expect([up.billing_cycle, up.current_period_end]).toEqual(['monthly', at('2026-02-01T00:00:00')]);
    await renewals.run(at('2026-04-02T00:00:00'));
    expect(await linesOf(tenantId)).toEqual([
      ['Basic: 9990'],
      ['Unused time on Basic: -9990', 'Professional: 2999', 'Credit carried forward: 6991'],
      ['Professional: 2999', 'Credit applied: -2999'],
      ['Professional: 2999', 'Credit applied: -2999'],
      ['Professional: 2999', 'Credit applied: -993'],
    ]);
    const statuses = (await invoicesOf(tenantId)).map((i) => i.status);
    expect(statuses).toEqual(['open', 'paid', 'paid', 'paid', 'open']);
  });

  it('refuses a downgrade that does not fit, naming what is too much', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'professional', at('2026-06-01T00:00:00'));
    for (let i = 0; i < 26; i++)
      await app.db.sql(
        `INSERT INTO pools (id, tenant_id, name, algorithm, health_check, connect_timeout, response_timeout, retries)
         VALUES ($1, $2, $1, 'round_robin', '{}', '1s', '1s', 0)`,
        [newId('pool'), tenantId],
      );
    expect(await codeOf(change(s, { plan: 'basic' }, at('2026-06-10T00:00:00')))).toBe(
      "409 PLAN_LIMIT_EXCEEDED: The plan 'basic' does not fit: 26 pools, at most 25",
    );
  });

  it('changes down when the period ends, unless it is taken back before', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'professional', at('2026-06-01T00:00:00'));
    const pending = await change(s, { plan: 'basic' }, at('2026-06-10T00:00:00'));
    expect([pending.plan, pending.pending_plan]).toEqual(['professional', 'basic']);
    expect((await change(s, { plan: 'professional' }, at('2026-06-11T00:00:00'))).pending_plan).toBeNull();
    await change(s, { plan: 'basic' }, at('2026-06-12T00:00:00'));
    expect(await app.planOf(tenantId)).toBe('professional');
    await renewals.run(at('2026-07-01T00:10:00'));
    expect(await read(s)).toMatchObject({ plan: 'basic', pending_plan: null, amount: 999 });
    expect(await app.planOf(tenantId)).toBe('basic');
    expect(await linesOf(tenantId)).toEqual([['Professional: 2999'], ['Basic: 999']]);
  });

  it('ends a cancelled subscription with its period, and goes on when the cancellation was taken back', async () => {
    const [gone, kept] = [await app.tenant(), await app.tenant()];
    const [a, b] = [
      await start(gone, 'basic', at('2026-06-01T00:00:00')),
      await start(kept, 'basic', at('2026-06-01T00:00:00')),
    ];
    for (const s of [a, b]) await change(s, { cancelAtPeriodEnd: true }, at('2026-06-10T00:00:00'));
    await change(b, { cancelAtPeriodEnd: false }, at('2026-06-11T00:00:00'));
    expect(await app.planOf(gone)).toBe('basic');
    await renewals.run(at('2026-07-01T00:10:00'));
    expect([await app.planOf(gone), await app.planOf(kept)]).toEqual(['free', 'basic']);
    expect(await read(a)).toMatchObject({ status: 'canceled', ended_at: at('2026-07-01T00:00:00') });
    expect([await invoicesOf(gone), await invoicesOf(kept)].map((i) => i.length)).toEqual([1, 2]);
    expect(await codeOf(change(a, { plan: 'enterprise' }, at('2026-07-02T00:00:00')))).toContain(
      'SUBSCRIPTION_ENDED',
    );
    for (const { id } of await invoicesOf(gone)) await invoices.markPaid(id, at('2026-07-02T00:00:00'));
    await start(gone, 'professional', at('2026-07-03T00:00:00'));
  });

  it('goes on with the plan that is named after an end was ordered, but not for an upgrade', async () => {
    const s = await start(await app.tenant(), 'professional', at('2026-06-01T00:00:00'));
    const named = async (plan: PlanId) => {
      const { cancel_at_period_end, pending_plan } = await change(s, { plan }, at('2026-06-10T00:00:00'));
      return [cancel_at_period_end, pending_plan];
    };
    expect(await named('free')).toEqual([true, null]);
    expect(await named('professional')).toEqual([false, null]);
    expect(await named('free')).toEqual([true, null]);
    expect(await named('basic')).toEqual([false, 'basic']);
    await change(s, { cancelAtPeriodEnd: true }, at('2026-06-11T00:00:00'));
    expect(await named('enterprise')).toEqual([true, null]);
  });

  it('says in the history what an upgrade changed', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'basic', at('2026-06-01T00:00:00'));
    await change(s, { cycle: 'yearly' }, at('2026-06-10T00:00:00'));
    await change(s, { plan: 'professional' }, at('2026-06-11T00:00:00'));
    const rows = await app.db.sql(
      `SELECT description FROM billing_history WHERE tenant_id = $1 AND type = 'subscription.upgraded' ORDER BY id`,
      [tenantId],
    );
    expect(rows.map((r) => r.description)).toEqual([
      'Basic is billed yearly from now on',
      'Upgraded from Basic to Professional',
    ]);
  });

  it('begins nothing anew while an invoice of an earlier subscription is overdue', async () => {
    const tenantId = await app.tenant();
    await start(tenantId, 'basic', at('2026-06-01T00:00:00'));
    await renewals.run(at('2026-06-15T00:01:00'));
    await renewals.run(at('2026-06-22T00:02:00'));
    await renewals.run(at('2026-07-01T00:10:00'));
    expect(await app.planOf(tenantId)).toBe('free');
    const again = () => codeOf(start(tenantId, 'basic', at('2026-07-02T00:00:00')));
    expect(await again()).toContain('409 PAYMENT_OUTSTANDING');
    for (const { id } of await invoicesOf(tenantId)) await invoices.markPaid(id, at('2026-07-02T00:00:00'));
    expect(await again()).toBe('done');
  });

  it('gives one trial a tenant, which costs nothing and becomes a paid period', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'professional', at('2026-06-01T00:00:00'), 'monthly', true);
    expect([s.status, s.trial_end, await app.planOf(tenantId)]).toEqual([
      'trialing',
      at('2026-06-15T00:00:00'),
      'professional',
    ]);
    await use(tenantId, at('2026-06-02T00:00:00'), 50_000_000);
    await renewals.run(at('2026-06-15T00:10:00'));
    expect(await read(s)).toMatchObject({
      status: 'active',
      current_period_start: at('2026-06-15T00:00:00'),
      current_period_end: at('2026-07-15T00:00:00'),
    });
    expect(await linesOf(tenantId)).toEqual([['Professional: 2999']]);
    await change(s, { cancelAtPeriodEnd: true }, at('2026-06-16T00:00:00'));
    await renewals.run(at('2026-07-15T00:10:00'));
    for (const { id } of await invoicesOf(tenantId)) await invoices.markPaid(id, at('2026-07-15T00:00:00'));
    const again = start(tenantId, 'basic', at('2026-07-16T00:00:00'), 'monthly', true);
    expect(await codeOf(again)).toContain('409 TRIAL_USED');
  });

  it('bills usage over the included amount when the month is over, each request once', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'basic', at('2026-06-01T00:00:00'));
    await use(tenantId, at('2026-06-01T00:00:00'), 150_000, 50e9);
    await use(tenantId, at('2026-06-30T23:59:00'), 225_000, 62.5e9);
    await use(tenantId, at('2026-07-01T00:00:00'), 7);
    await renewals.run(at('2026-07-01T00:01:00'));
    expect(await linesOf(tenantId)).toHaveLength(1);
    await Promise.all([renewals.run(at('2026-07-01T00:03:00')), renewals.run(at('2026-07-01T00:03:00'))]);
    expect((await linesOf(tenantId)).slice(1)).toEqual([
      [
        'Requests over 250000, 2026-06-01 to 2026-07-01: 125',
        'Traffic in GB over 100, 2026-06-01 to 2026-07-01: 113',
        'Basic: 999',
      ],
    ]);
    // a node that was cut off brings a minute of June late
    await use(tenantId, at('2026-06-30T23:59:00'), 275_000);
    await renewals.run(at('2026-08-01T00:10:00'));
    expect((await linesOf(tenantId))[2]).toEqual([
      'Counted after the invoice of 2026-07-01: requests: 50',
      'Basic: 999',
    ]);
    expect(await read(s)).toMatchObject({ usage_period_start: at('2026-08-01T00:00:00') });
  });

  it('bills the usage of a yearly subscription by the month', async () => {
    const tenantId = await app.tenant();
    await start(tenantId, 'basic', at('2025-01-31T00:00:00'), 'yearly');
    await use(tenantId, at('2025-02-28T00:00:00'), 750_000);
    await renewals.run(at('2026-02-01T00:10:00'));
    expect(await linesOf(tenantId)).toEqual([
      ['Basic: 9990'],
      ['Requests over 250000, 2025-02-28 to 2025-03-31: 500'],
      ['Basic: 9990'],
    ]);
  });

  it('keeps the plan for a week when an invoice is overdue, then takes it, and gives it back when it is paid', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'basic', at('2026-06-01T00:00:00'));
    await renewals.run(at('2026-06-14T23:59:00'));
    expect([(await read(s)).status, await app.planOf(tenantId)]).toEqual(['active', 'basic']);
    await renewals.run(at('2026-06-15T00:01:00'));
    expect([(await read(s)).status, await app.planOf(tenantId)]).toEqual(['past_due', 'basic']);
    expect(await codeOf(change(s, { plan: 'enterprise' }, at('2026-06-16T00:00:00')))).toContain(
      'PAYMENT_OUTSTANDING',
    );
    const firing = () => app.db.sql(`SELECT state FROM alerts WHERE fingerprint = $1`, [`payment:${s.id}`]);
    expect(await firing()).toEqual([{ state: 'firing' }]);
    await renewals.run(at('2026-06-22T00:02:00'));
    expect([(await read(s)).status, await app.planOf(tenantId)]).toEqual(['unpaid', 'free']);
    const [open] = await invoicesOf(tenantId);
    await invoices.markPaid(open!.id, at('2026-06-23T00:00:00'));
    expect([(await read(s)).status, await app.planOf(tenantId)]).toEqual(['active', 'basic']);
    expect(await firing()).toEqual([{ state: 'resolved' }]);
    expect(await codeOf(invoices.markPaid(open!.id))).toContain('409 INVOICE_NOT_PAYABLE');
  });

  it('does not change for the worse when the roll-over breaks off at any statement', async () => {
    const tenantId = await app.tenant();
    const s = await start(tenantId, 'basic', at('2026-06-01T00:00:00'));
    await use(tenantId, at('2026-06-05T00:00:00'), 375_000);
    // each run meets one error more, later and later in the transaction, as a kill would
    for (const table of ['usage_closings', 'subscriptions', 'billing_history', 'audit_log', 'invoices']) {
      await app.db.sql(
        `CREATE FUNCTION fail_${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$`,
      );
      await app.db.sql(
        `CREATE TRIGGER killed BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION fail_${table}()`,
      );
      await renewals.run(at('2026-07-01T00:10:00'));
      await app.db.sql(`DROP TRIGGER killed ON ${table}`);
      expect(await read(s)).toMatchObject({ current_period_end: at('2026-07-01T00:00:00') });
      expect(await invoicesOf(tenantId)).toHaveLength(1);
    }
    await renewals.run(at('2026-07-01T00:10:00'));
    expect((await linesOf(tenantId))[1]).toEqual([
      'Requests over 250000, 2026-06-01 to 2026-07-01: 125',
      'Basic: 999',
    ]);
  });

  it('numbers invoices one after the other without a gap', async () => {
    const rows = await app.db.sql(`SELECT number FROM invoices ORDER BY number`);
    const numbers = rows.map((r) => Number(String(r.number).split('-')[2]));
    const years = new Map<string, number[]>();
    for (const [i, r] of rows.entries()) {
      const year = String(r.number).split('-')[1]!;
      years.set(year, [...(years.get(year) ?? []), numbers[i]!]);
    }
    for (const found of years.values()) expect(found).toEqual(found.map((_, i) => i + 1));
  });

  it('shows a tenant nothing of another one', async () => {
    const [mine, other] = [await app.tenant(), await app.tenant()];
    const s = await start(other, 'basic', new Date());
    const subscriptions = app.get(SubscriptionsService);
    expect(await codeOf(subscriptions.get(mine, s.id))).toContain('404');
    expect(await codeOf(subscriptions.cancel(mine, s.id))).toContain('404');
    expect((await subscriptions.list(mine, { page: 1, limit: 10 })).total).toBe(0);
    expect((await invoices.list(mine, { page: 1, limit: 10 })).total).toBe(0);
  });
});
