import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import { BillingAccountsRepository } from '../accounts.repository.js';
import { StripeGateway } from './stripe-gateway.js';

/** Tenants as Stripe's customers. */
@Injectable()
export class StripeCustomers {
  constructor(
    private readonly database: Database,
    private readonly gateway: StripeGateway,
    private readonly accounts: BillingAccountsRepository,
  ) {}

  /** The tenant's customer at Stripe, made when there is none. */
  async idOf({ tenantId, email }: { tenantId: string; email?: string }): Promise<string> {
    const { known, name } = await this.database.tenant(tenantId, async (tx) => ({
      known: await this.accounts.customerOf(tx, tenantId),
      name: await this.accounts.tenantName(tx, tenantId),
    }));
    if (known) return known;
    const made = await this.gateway.forCaller((api) =>
      api.customers.create(
        { name, ...(email && { email }), metadata: { tenant_id: tenantId } },
        { idempotencyKey: `customer:${tenantId}:${email ?? ''}` },
      ),
    );
    return this.database.system(async (tx) => {
      await this.accounts.linkCustomer(tx, tenantId, made.id);
      return (await this.accounts.customerOf(tx, tenantId)) ?? made.id;
    });
  }

  /** Address of Stripe's page on which the tenant manages cards and invoices. */
  async portal(tenantId: string, returnUrl: string): Promise<string> {
    const customer = await this.idOf({ tenantId });
    const session = await this.gateway.forCaller((api) =>
      api.billingPortal.sessions.create(
        { customer, return_url: returnUrl },
        // a session is good for minutes only: each click is a request of its own
        { idempotencyKey: `portal:${tenantId}:${Date.now()}` },
      ),
    );
    return session.url;
  }
}
