import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Transaction } from '../../platform/database/index.js';
import { claimGroup, coveringWildcards } from './host.js';
import { Route } from './route.entity.js';
import { RoutesReadModel } from './routes.read-model.js';

type NewRoute = Omit<Route, 'id' | 'version' | 'created_at' | 'updated_at'>;

@Injectable()
export class RoutesRepository extends RoutesReadModel {
  async insert(tx: Transaction, fields: NewRoute): Promise<Route> {
    const route = tx.create(Route, { id: newId('route'), ...fields });
    await tx.insert(Route, route);
    return route;
  }

  /** The row, locked until the transaction ends. */
  lock(tx: Transaction, tenantId: string, id: string): Promise<Route | null> {
    return tx.findOne(Route, { where: { tenant_id: tenantId, id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Writes what changed, with the next version. */
  save(tx: Transaction, route: Route): Promise<Route> {
    return tx.save(route);
  }

  async delete(tx: Transaction, route: Route): Promise<void> {
    await tx.delete(Route, { tenant_id: route.tenant_id, id: route.id });
  }

  /**
   * Makes the host the tenant's, unless another tenant has it, a wildcard above it, or a host below it. Takes a system
   * transaction, as the wall hides what others have.
   * @returns whether the host is the tenant's now
   */
  async claimHost(tx: Transaction, tenantId: string, host: string): Promise<boolean> {
    await this.lockClaims(tx, host);
    const taken = await tx.query(
      `SELECT 1 FROM route_hosts WHERE tenant_id <> $1
       AND (host = ANY ($2) OR ($3::text IS NOT NULL AND right(host, length($3)) = $3)) LIMIT 1`,
      [tenantId, [host, ...coveringWildcards(host)], host.startsWith('*.') ? host.slice(1) : null],
    );
    if (taken.length) return false;
    await tx.query('INSERT INTO route_hosts (host, tenant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      host,
      tenantId,
    ]);
    return true;
  }

  /** Gives the host up when no route of the tenant has it any more. */
  async releaseHost(tx: Transaction, tenantId: string, host: string): Promise<void> {
    await this.lockClaims(tx, host);
    await tx.query(
      `DELETE FROM route_hosts WHERE tenant_id = $1 AND host = $2
       AND NOT EXISTS (SELECT 1 FROM routes WHERE tenant_id = $1 AND host = $2)`,
      [tenantId, host],
    );
  }

  /** Ids of pools by name, which cannot go before the transaction ends; unknown names are left out. */
  async poolIds(tx: Transaction, tenantId: string, names: readonly string[]): Promise<Map<string, string>> {
    const rows: { id: string; name: string }[] = await tx.query(
      'SELECT id, name FROM pools WHERE tenant_id = $1 AND name = ANY ($2) ORDER BY id FOR KEY SHARE',
      [tenantId, names],
    );
    return new Map(rows.map((row) => [row.name, row.id]));
  }

  private async lockClaims(tx: Transaction, host: string): Promise<void> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('route_hosts ' || $1, 0))`, [
      claimGroup(host),
    ]);
  }
}
