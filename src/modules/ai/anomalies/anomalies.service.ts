import { Injectable } from '@nestjs/common';
import { notFound } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import type { Principal } from '../../../platform/security/index.js';
import {
  AnomaliesRepository,
  type AnomalyFilter,
  type AnomalyRow,
  type AnomalyScope,
} from './anomalies.repository.js';

/** Findings, for those who may see them: a tenant its own, a superadmin also the machines'. */
@Injectable()
export class AnomaliesService {
  constructor(
    private readonly database: Database,
    private readonly anomalies: AnomaliesRepository,
  ) {}

  list(principal: Principal, filter: AnomalyFilter, request: PageRequest): Promise<Page<AnomalyRow>> {
    return this.within(principal, (tx, scope) => this.anomalies.page(tx, scope, filter, request));
  }

  /** @throws AppError 404 */
  async get(principal: Principal, id: string): Promise<AnomalyRow> {
    const row = await this.within(principal, (tx, scope) => this.anomalies.get(tx, scope, id));
    if (!row) throw notFound('Anomaly', id);
    return row;
  }

  /** The newest findings that last. @param tenantId null: of all tenants and the installation */
  lasting(tenantId: string | null, limit: number): Promise<AnomalyRow[]> {
    const work = (tx: Transaction) => this.anomalies.lasting(tx, tenantId, limit);
    return tenantId === null ? this.database.system(work) : this.database.tenant(tenantId, work);
  }

  private within<T>(
    { role, tenantId }: Principal,
    work: (tx: Transaction, scope: AnomalyScope) => Promise<T>,
  ): Promise<T> {
    return role === 'superadmin'
      ? this.database.system((tx) => work(tx, { tenantId, system: true }))
      : this.database.tenant(tenantId, (tx) => work(tx, { tenantId, system: false }));
  }
}
