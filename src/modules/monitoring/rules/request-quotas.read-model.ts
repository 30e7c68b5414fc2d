import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';

export interface RequestQuota {
  id: string;
  name: string;
  /** Requests a month; the lower of the plan's and the tenant's own limit, null: none. */
  limit: number | null;
}

/** How many requests tenants may use a month; takes a system transaction. */
@Injectable()
export class RequestQuotasReadModel {
  of(tx: Transaction, tenantIds: readonly string[]): Promise<RequestQuota[]> {
    return tx.query(
      `SELECT t.id, t.name,
              least((t.settings ->> 'max_requests_per_month')::float8, p.requests_per_month::float8) AS "limit"
       FROM tenants t JOIN plans p ON p.id = t.plan AND p.version = t.plan_version
       WHERE t.id = ANY ($1)`,
      [tenantIds],
    );
  }
}
