import { Injectable } from '@nestjs/common';
import { durationMs } from '../../../common/durations.js';
import type { Transaction } from '../../../platform/database/index.js';
import { TrafficReadModel } from '../../telemetry/index.js';
import type { RegularSeries } from '../core/index.js';

/** How far back a model learns. */
const LOOK_BACK_MS = 28 * 86_400_000;

/** A tenant's or pool's traffic as a series of requests a minute, one value a step. */
@Injectable()
export class TrafficSeries {
  constructor(private readonly traffic: TrafficReadModel) {}

  /**
   * From the first step with traffic to the last whole one before `now`; steps without traffic are 0, as the data
   * plane counts every request. Empty without any traffic.
   */
  async load(
    tx: Transaction,
    of: { tenantId: string; poolId?: string },
    step: string,
    now: number,
    from = now - LOOK_BACK_MS,
  ): Promise<RegularSeries> {
    const stepMs = durationMs(step);
    const end = Math.floor(now / stepMs) * stepMs;
    const start = Math.ceil(from / stepMs) * stepMs;
    const points = await this.traffic.series(tx, of, new Date(start), new Date(end), stepMs / 1000);
    if (!points.length) return { startMs: end, stepMs, values: [] };
    const first = points[0]!.at.getTime();
    const values = new Array<number>(Math.max(0, Math.round((end - first) / stepMs))).fill(0);
    for (const point of points)
      values[Math.round((point.at.getTime() - first) / stepMs)] = point.requests / (stepMs / 60_000);
    return { startMs: first, stepMs, values };
  }
}
