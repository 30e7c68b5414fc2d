import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { latencyQuantile } from './latency.js';
import { RecentTraffic, type TrafficRates } from './recent-traffic.js';

/** Which traffic is meant. A null tenant is every tenant, and takes a system transaction. */
export interface TrafficFilter {
  tenantId: string | null;
  routeId?: string;
  poolId?: string;
  backendId?: string;
}

export interface TrafficTotals {
  requests: number;
  /** Answers of class 5xx. */
  errors: number;
  bytes_in: number;
  bytes_out: number;
  /** Mean time to the end of the answer, ms; null without requests. */
  latency_avg_ms: number | null;
}

export interface TrafficPoint extends TrafficTotals {
  /** Start of the step. */
  at: Date;
  /** Route, pool or backend, when the series was asked for by one. */
  key: string | null;
}

export interface PathTotals {
  path: string;
  requests: number;
  errors: number;
  latency_avg_ms: number | null;
}

export interface AccessLine {
  at: Date;
  routeId: string | null;
  poolId: string | null;
  backendId: string | null;
  method: string;
  path: string;
  status: number;
  latencyMs: number;
  clientAddress: string | null;
  requestId: string | null;
}

const SUMS = `sum(requests)::float8 AS requests, sum(status_classes[5])::float8 AS errors,
  sum(bytes_in)::float8 AS bytes_in, sum(bytes_out)::float8 AS bytes_out, sum(latency_sum_ms) AS latency_sum_ms`;

interface SumRow {
  requests: number | null;
  errors: number | null;
  bytes_in: number | null;
  bytes_out: number | null;
  latency_sum_ms: number | null;
}

const totalsOf = (row: SumRow): TrafficTotals => ({
  requests: row.requests ?? 0,
  errors: row.errors ?? 0,
  bytes_in: row.bytes_in ?? 0,
  bytes_out: row.bytes_out ?? 0,
  latency_avg_ms: row.requests ? (row.latency_sum_ms ?? 0) / row.requests : null,
});

/** WHERE clause and parameters for a filter; $1 and $2 are the instants. */
function where(filter: TrafficFilter): { sql: string; values: string[] } {
  const parts = ['minute >= $1 AND minute < $2'];
  const values: string[] = [];
  const columns = {
    tenant_id: filter.tenantId,
    route_id: filter.routeId,
    pool_id: filter.poolId,
    backend_id: filter.backendId,
  };
  for (const [name, value] of Object.entries(columns))
    if (value !== null && value !== undefined) {
      values.push(value);
      parts.push(`${name} = $${values.length + 2}`);
    }
  return { sql: parts.join(' AND '), values };
}

/** What the data plane carried. Figures are complete up to about two seconds ago and exact to the minute. */
@Injectable()
export class TrafficReadModel {
  constructor(private readonly recent: RecentTraffic) {}

  /** Sums of one tenant, or of all for null, of the minutes that start in [from, to). */
  async totals(tx: Transaction, tenantId: string | null, from: Date, to: Date): Promise<TrafficTotals> {
    return this.totalsOf(tx, { tenantId }, from, to);
  }

  async totalsOf(tx: Transaction, filter: TrafficFilter, from: Date, to: Date): Promise<TrafficTotals> {
    const { sql, values } = where(filter);
    const [row] = await tx.query(`SELECT ${SUMS} FROM traffic_minutes WHERE ${sql}`, [from, to, ...values]);
    return totalsOf(row);
  }

  /** Sums by tenant and minute of [from, to), of one tenant or of all: what metering bills by. */
  async minutesByTenant(
    tx: Transaction,
    from: Date,
    to: Date,
    tenantId: string | null = null,
  ): Promise<{ tenantId: string; minute: Date; requests: number; bytes: number }[]> {
    const { sql, values } = where({ tenantId });
    return tx.query(
      `SELECT tenant_id AS "tenantId", minute, sum(requests)::float8 AS requests,
              sum(bytes_in + bytes_out)::float8 AS bytes
       FROM traffic_minutes WHERE ${sql} GROUP BY tenant_id, minute`,
      [from, to, ...values],
    );
  }

  /** Sums of many tenants at once; tenants without traffic have no entry. */
  async totalsByTenant(
    tx: Transaction,
    tenantIds: readonly string[],
    from: Date,
    to: Date,
  ): Promise<Map<string, TrafficTotals>> {
    const rows: (SumRow & { tenant_id: string })[] = await tx.query(
      `SELECT tenant_id, ${SUMS} FROM traffic_minutes
       WHERE minute >= $1 AND minute < $2 AND tenant_id = ANY ($3) GROUP BY tenant_id`,
      [from, to, tenantIds],
    );
    return new Map(rows.map((row) => [row.tenant_id, totalsOf(row)]));
  }

  /** Requests of every tenant that had any, of the minutes that start in [from, to); takes a system transaction. */
  async requestsByTenant(tx: Transaction, from: Date, to: Date): Promise<Map<string, number>> {
    const rows: { tenant_id: string; requests: number }[] = await tx.query(
      `SELECT tenant_id, sum(requests)::float8 AS requests FROM traffic_minutes
       WHERE minute >= $1 AND minute < $2 GROUP BY tenant_id`,
      [from, to],
    );
    return new Map(rows.map((row) => [row.tenant_id, row.requests]));
  }

  /**
   * Sums by step of time, oldest first; steps without traffic are left out.
   * @param stepSeconds a multiple of 60
   * @param by one series for each tenant, route, pool or backend
   */
  async series(
    tx: Transaction,
    filter: TrafficFilter,
    from: Date,
    to: Date,
    stepSeconds: number,
    by?: 'tenant' | 'route' | 'pool' | 'backend',
  ): Promise<TrafficPoint[]> {
    const { sql, values } = where(filter);
    const key = by ? `${by}_id` : 'NULL';
    const rows: (SumRow & { at: Date; key: string | null })[] = await tx.query(
      `SELECT date_bin(make_interval(secs => $${values.length + 3}), minute, 'epoch') AS at, ${key} AS key, ${SUMS}
       FROM traffic_minutes WHERE ${sql} GROUP BY 1, 2 ORDER BY 1, 2`,
      [from, to, ...values, stepSeconds],
    );
    return rows.map((row) => ({ at: row.at, key: row.key, ...totalsOf(row) }));
  }

  /** Estimates of the latency's quantiles in ms, from the histogram; null without requests. */
  async quantiles(
    tx: Transaction,
    filter: TrafficFilter,
    from: Date,
    to: Date,
    qs: readonly number[],
  ): Promise<(number | null)[]> {
    const { sql, values } = where(filter);
    const rows: { count: number }[] = await tx.query(
      `SELECT sum(b.count)::float8 AS count FROM traffic_minutes, unnest(latency_buckets) WITH ORDINALITY AS b (count, i)
       WHERE ${sql} GROUP BY b.i ORDER BY b.i`,
      [from, to, ...values],
    );
    const counts = rows.map((row) => row.count);
    return qs.map((q) => latencyQuantile(counts, q));
  }

  /** The paths with the most requests in the hours that start in [from, to). */
  async topPaths(
    tx: Transaction,
    tenantId: string,
    from: Date,
    to: Date,
    limit: number,
  ): Promise<PathTotals[]> {
    const rows: (PathTotals & { latency_sum_ms: number })[] = await tx.query(
      `SELECT path, sum(requests)::float8 AS requests, sum(errors)::float8 AS errors, sum(latency_sum_ms) AS latency_sum_ms
       FROM traffic_paths WHERE hour >= $1 AND hour < $2 AND tenant_id = $3
       GROUP BY path ORDER BY requests DESC, path LIMIT $4`,
      [from, to, tenantId, limit],
    );
    return rows.map(({ path, requests, errors, latency_sum_ms }) => ({
      path,
      requests,
      errors,
      latency_avg_ms: requests ? latency_sum_ms / requests : null,
    }));
  }

  /** Lines of a tenant's access log, newest first: every answer of class 5xx and a sample of the rest. */
  async accessLog(
    tx: Transaction,
    tenantId: string,
    options: { limit: number; offset?: number; minStatus?: number; from?: Date },
  ): Promise<AccessLine[]> {
    return tx.query(
      `SELECT at, route_id AS "routeId", pool_id AS "poolId", backend_id AS "backendId", method, path, status,
              latency_ms AS "latencyMs", client_address AS "clientAddress", request_id AS "requestId"
       FROM access_log WHERE tenant_id = $1 AND status >= $2 AND at >= $3
       ORDER BY at DESC, id DESC LIMIT $4 OFFSET $5`,
      [tenantId, options.minStatus ?? 0, options.from ?? new Date(0), options.limit, options.offset ?? 0],
    );
  }

  /**
   * Rates over the last seconds as this node saw them, up to the last whole second.
   * @param of a tenant's, pool's or backend's id; null: everything
   */
  rates(of: string | null, seconds = 10): TrafficRates {
    return this.recent.rates(of, seconds);
  }
}
