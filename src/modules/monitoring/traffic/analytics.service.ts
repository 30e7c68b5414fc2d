import { Injectable } from '@nestjs/common';
import { durationMs, MINUTE_MS } from '../../../common/durations.js';
import { forbidden, invalidField } from '../../../common/errors.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { type Principal, viewOf } from '../../../platform/security/index.js';
import { type TrafficPoint, TrafficReadModel } from '../../telemetry/index.js';
import { requireTenant } from '../../tenants/index.js';
import type {
  AnalyticsKey,
  AnalyticsPoint,
  AnalyticsQuery,
  AnalyticsResponse,
  AnalyticsSeries,
} from './analytics.dto.js';
import { ObjectNamesReadModel } from './object-names.read-model.js';

const DEFAULT_RANGE = '24h';
const ABOUT_POINTS = 60;
const MAX_POINTS = 2000;
const MAX_SERIES = 50;
const NICE_MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];

interface Span {
  from: Date;
  to: Date;
  stepMs: number;
}

/** What the data plane carried over time: one tenant's, or, for a superadmin, everybody's. */
@Injectable()
export class AnalyticsService {
  constructor(
    private readonly database: Database,
    private readonly traffic: TrafficReadModel,
    private readonly names: ObjectNamesReadModel,
  ) {}

  /** @throws AppError 403 for series by tenant, 404 for another tenant, 422 for a step that is too short or no whole minutes */
  async read(principal: Principal, query: AnalyticsQuery, now = new Date()): Promise<AnalyticsResponse> {
    const range = query.range ?? DEFAULT_RANGE;
    if (query.tenant_id !== undefined) requireTenant(principal, query.tenant_id);
    const tenantId = query.tenant_id ?? viewOf(principal);
    if (query.by === 'tenant' && viewOf(principal) !== null)
      throw forbidden('Series by tenant are for superadmins');
    const span = spanOf(durationMs(range), query.step, now);
    const work = (tx: Transaction) => this.measure(tx, tenantId, span, query.by);
    const measured = await (tenantId === null
      ? this.database.system(work)
      : this.database.tenant(tenantId, work));
    return {
      range,
      step: formatMinutes(span.stepMs / MINUTE_MS),
      from: span.from.toISOString(),
      to: span.to.toISOString(),
      ...measured,
    };
  }

  private async measure(
    tx: Transaction,
    tenantId: string | null,
    { from, to, stepMs }: Span,
    by?: AnalyticsKey,
  ) {
    const totals = await this.traffic.totals(tx, tenantId, from, to);
    const [p50, p95, p99] = await this.traffic.quantiles(tx, { tenantId }, from, to, [0.5, 0.95, 0.99]);
    const points = await this.traffic.series(tx, { tenantId }, from, to, stepMs / 1000, by);
    const series = seriesOf(points, { from, to, stepMs });
    const names = by
      ? await this.names.of(
          tx,
          by,
          series.map((s) => s.key).filter((key) => key !== null),
        )
      : null;
    return {
      requests: totals.requests,
      errors: totals.errors,
      error_rate: totals.requests ? totals.errors / totals.requests : 0,
      response_time_avg: totals.latency_avg_ms,
      response_time_p50: p50 ?? null,
      response_time_p95: p95 ?? null,
      response_time_p99: p99 ?? null,
      bytes_in: totals.bytes_in,
      bytes_out: totals.bytes_out,
      series: series.map((s) => ({ ...s, name: (s.key !== null && names?.get(s.key)) || null })),
    };
  }
}

/** Whole steps that end with the one that runs now. */
function spanOf(rangeMs: number, step: string | undefined, now: Date): Span {
  const stepMs = step ? durationMs(step) : niceStep(rangeMs);
  if (stepMs % MINUTE_MS !== 0) throw invalidField('step', 'wholeMinutes', 'step must be whole minutes');
  if (rangeMs / stepMs > MAX_POINTS)
    throw invalidField('step', 'tooShort', `step must give at most ${MAX_POINTS} points in the range`);
  const from = Math.floor((now.getTime() - rangeMs) / stepMs) * stepMs;
  return { from: new Date(from), to: now, stepMs };
}

const niceStep = (rangeMs: number): number =>
  (NICE_MINUTES.find((minutes) => rangeMs / (minutes * MINUTE_MS) <= ABOUT_POINTS) ?? 1440) * MINUTE_MS;

const formatMinutes = (minutes: number): string =>
  minutes % 1440 === 0 ? `${minutes / 1440}d` : minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;

/** One series a key, the busiest first, each with every step of the span. */
function seriesOf(points: readonly TrafficPoint[], span: Span): Omit<AnalyticsSeries, 'name'>[] {
  const byKey = new Map<string | null, TrafficPoint[]>();
  for (const point of points) {
    const key = point.key || null;
    const known = byKey.get(key);
    if (known) known.push(point);
    else byKey.set(key, [point]);
  }
  if (byKey.size === 0) byKey.set(null, []);
  const requests = (of: TrafficPoint[]) => of.reduce((sum, point) => sum + point.requests, 0);
  return [...byKey]
    .sort(([, a], [, b]) => requests(b) - requests(a))
    .slice(0, MAX_SERIES)
    .map(([key, known]) => ({ key, points: filled(known, span) }));
}

function filled(points: readonly TrafficPoint[], { from, to, stepMs }: Span): AnalyticsPoint[] {
  const known = new Map(points.map((point) => [point.at.getTime(), point]));
  const all: AnalyticsPoint[] = [];
  for (let at = from.getTime(); at <= to.getTime(); at += stepMs) {
    const point = known.get(at);
    all.push({
      timestamp: new Date(at).toISOString(),
      requests: point?.requests ?? 0,
      errors: point?.errors ?? 0,
      response_time_avg: point?.latency_avg_ms ?? null,
      bytes_in: point?.bytes_in ?? 0,
      bytes_out: point?.bytes_out ?? 0,
    });
  }
  return all;
}
