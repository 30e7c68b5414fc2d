import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

/** What a tenant has with us besides subscriptions: a credit balance, a customer at Stripe, a trial used up. */
@Injectable()
export class BillingAccountsRepository {
  /** Locked until the transaction ends; made when there is none. */
  async lock(tx: Transaction, tenantId: string): Promise<{ credit: number; trialUsed: boolean }> {
    await tx.query('INSERT INTO billing_accounts (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING', [tenantId]);
    const [row] = await tx.query(
      'SELECT credit, trial_used_at FROM billing_accounts WHERE tenant_id = $1 FOR UPDATE',
      [tenantId],
    );
    return { credit: Number(row.credit), trialUsed: row.trial_used_at !== null };
  }

  async setCredit(tx: Transaction, tenantId: string, credit: number): Promise<void> {
    await tx.query('UPDATE billing_accounts SET credit = $2 WHERE tenant_id = $1', [tenantId, credit]);
  }

  /** The first time counts. */
  async useTrial(tx: Transaction, tenantId: string, at: Date): Promise<void> {
    await tx.query(
      `INSERT INTO billing_accounts (tenant_id, trial_used_at) VALUES ($1, $2)
       ON CONFLICT (tenant_id) DO UPDATE SET trial_used_at = coalesce(billing_accounts.trial_used_at, $2)`,
      [tenantId, at],
    );
  }

  async customerOf(tx: Transaction, tenantId: string): Promise<string | null> {
    const [row] = await tx.query('SELECT stripe_customer_id FROM billing_accounts WHERE tenant_id = $1', [
      tenantId,
    ]);
    return row?.stripe_customer_id ?? null;
  }

  async tenantOfCustomer(tx: Transaction, customerId: string): Promise<string | null> {
    const [row] = await tx.query('SELECT tenant_id FROM billing_accounts WHERE stripe_customer_id = $1', [
      customerId,
    ]);
    return row?.tenant_id ?? null;
  }

  /** Keeps the customer that is known, of this tenant or of another one. */
  async linkCustomer(tx: Transaction, tenantId: string, customerId: string): Promise<void> {
    await tx.query(
      `INSERT INTO billing_accounts (tenant_id, stripe_customer_id)
       SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM billing_accounts WHERE stripe_customer_id = $2)
       ON CONFLICT (tenant_id) DO UPDATE SET stripe_customer_id = EXCLUDED.stripe_customer_id
         WHERE billing_accounts.stripe_customer_id IS NULL`,
      [tenantId, customerId],
    );
  }

  async tenantExists(tx: Transaction, tenantId: string): Promise<boolean> {
    return (await tx.query('SELECT 1 FROM tenants WHERE id = $1', [tenantId])).length > 0;
  }

  async tenantName(tx: Transaction, tenantId: string): Promise<string> {
    const [row] = await tx.query('SELECT name FROM tenants WHERE id = $1', [tenantId]);
    return row?.name ?? '';
  }
}
