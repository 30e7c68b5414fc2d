import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What was used, billed and paid are facts, no configuration: a restore adds what is missing of them and takes nothing
 * back, or usage would be lost or billed twice. `[only rises]` keeps the larger of two figures, so that no number of an
 * invoice is given out again; `[kept]` leaves a column of a row that exists as it is: a tenant stays on the plan that
 * it has now. How far this database has read its own traffic, and its own order of Stripe's objects, mean nothing
 * elsewhere.
 */
export class LedgerInBackups1764000101000 implements MigrationInterface {
  readonly name = 'LedgerInBackups1764000101000';

  async up(q: QueryRunner): Promise<void> {
    for (const table of LEDGER) await q.query(`COMMENT ON TABLE ${table} IS '[append only]'`);
    for (const table of OF_THIS_DATABASE) await q.query(`COMMENT ON TABLE ${table} IS '[not in backups]'`);
    await q.query(`
      COMMENT ON TABLE invoice_numbers IS '[append only] [only rises]';
      COMMENT ON COLUMN tenants.plan IS '[kept]';
      COMMENT ON COLUMN tenants.plan_version IS '[kept]';
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of [...LEDGER, ...OF_THIS_DATABASE, 'invoice_numbers'])
      await q.query(`COMMENT ON TABLE ${table} IS NULL`);
    await q.query(`
      COMMENT ON COLUMN tenants.plan IS NULL;
      COMMENT ON COLUMN tenants.plan_version IS NULL;
    `);
  }
}

const LEDGER = [
  'billing_accounts',
  'subscriptions',
  'invoices',
  'billing_history',
  'usage_minutes',
  'usage_events',
  'usage_closings',
  'usage_reports',
  'stripe_events',
  'billing_reconciliations',
];
const OF_THIS_DATABASE = ['usage_progress', 'stripe_objects'];
