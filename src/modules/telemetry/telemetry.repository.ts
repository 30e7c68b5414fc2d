import { Injectable } from '@nestjs/common';
import type { AccessSample } from '../../common/traffic.js';
import type { Transaction } from '../../platform/database/index.js';
import type { PathRow, TrafficRow } from './traffic-buckets.js';

const column = <T, U>(rows: readonly T[], pick: (row: T) => U): U[] => rows.map(pick);
const time = (ms: number) => new Date(ms).toISOString();
/** An array inside of an array parameter: PostgreSQL unnests only flat ones, so it travels as its literal. */
const literal = (values: readonly number[]) => `{${values.join(',')}}`;

/** Rows of telemetry that may go, and after how long. */
export const RETENTION = [
  { table: 'traffic_minutes', column: 'minute', days: 90 },
  { table: 'traffic_paths', column: 'hour', days: 30 },
  { table: 'access_log', column: 'at', days: 7 },
] as const;

/** Writes what was counted. All of it takes a system transaction: a batch holds the rows of many tenants. */
@Injectable()
export class TelemetryRepository {
  /** Replaces each row by its absolute figures. */
  async putTraffic(tx: Transaction, rows: readonly TrafficRow[]): Promise<void> {
    await tx.query(
      `INSERT INTO traffic_minutes (tenant_id, minute, run_id, route_id, pool_id, backend_id, requests,
         status_classes, latency_buckets, latency_sum_ms, bytes_in, bytes_out)
       SELECT a, b, c, d, e, f, g, h::bigint[], i::bigint[], j, k, l
       FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
         $8::text[], $9::text[], $10::float8[], $11::bigint[], $12::bigint[]) AS r(a, b, c, d, e, f, g, h, i, j, k, l)
       ON CONFLICT (tenant_id, minute, run_id, route_id, pool_id, backend_id) DO UPDATE SET
         requests = EXCLUDED.requests, status_classes = EXCLUDED.status_classes,
         latency_buckets = EXCLUDED.latency_buckets, latency_sum_ms = EXCLUDED.latency_sum_ms,
         bytes_in = EXCLUDED.bytes_in, bytes_out = EXCLUDED.bytes_out`,
      [
        column(rows, (r) => r.tenantId),
        column(rows, (r) => time(r.start)),
        column(rows, (r) => r.runId),
        column(rows, (r) => r.routeId),
        column(rows, (r) => r.poolId),
        column(rows, (r) => r.backendId),
        column(rows, (r) => r.requests),
        column(rows, (r) => literal(r.statusClasses)),
        column(rows, (r) => literal(r.latencyBuckets)),
        column(rows, (r) => r.latencySumMs),
        column(rows, (r) => r.bytesIn),
        column(rows, (r) => r.bytesOut),
      ],
    );
  }

  /** Replaces each row by its absolute figures. */
  async putPaths(tx: Transaction, rows: readonly PathRow[]): Promise<void> {
    await tx.query(
      `INSERT INTO traffic_paths (tenant_id, hour, run_id, path, requests, errors, latency_sum_ms)
       SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::float8[])
       ON CONFLICT (tenant_id, hour, run_id, path) DO UPDATE SET
         requests = EXCLUDED.requests, errors = EXCLUDED.errors, latency_sum_ms = EXCLUDED.latency_sum_ms`,
      [
        column(rows, (r) => r.tenantId),
        column(rows, (r) => time(r.start)),
        column(rows, (r) => r.runId),
        column(rows, (r) => r.path),
        column(rows, (r) => r.requests),
        column(rows, (r) => r.errors),
        column(rows, (r) => r.latencySumMs),
      ],
    );
  }

  async addSamples(tx: Transaction, rows: readonly AccessSample[]): Promise<void> {
    await tx.query(
      `INSERT INTO access_log (tenant_id, at, route_id, pool_id, backend_id, method, path, status, latency_ms,
         client_address, request_id)
       SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
         $8::int[], $9::float8[], $10::text[], $11::text[])`,
      [
        column(rows, (r) => r.tenantId),
        column(rows, (r) => r.at.toISOString()),
        column(rows, (r) => r.routeId),
        column(rows, (r) => r.poolId),
        column(rows, (r) => r.backendId),
        column(rows, (r) => r.method),
        column(rows, (r) => r.path),
        column(rows, (r) => r.status),
        column(rows, (r) => r.latencyMs),
        column(rows, (r) => r.clientAddress),
        column(rows, (r) => r.requestId),
      ],
    );
  }

  /** Deletes up to `limit` rows that are older than their table keeps. @returns how many went */
  async deleteExpired(tx: Transaction, rule: (typeof RETENTION)[number], limit: number): Promise<number> {
    const [, count] = await tx.query(
      `DELETE FROM ${rule.table} WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM ${rule.table} WHERE ${rule.column} < now() - make_interval(days => $1) LIMIT $2))`,
      [rule.days, limit],
    );
    return count;
  }
}
