import { Injectable } from '@nestjs/common';
import type { TrafficDelta } from '../../common/traffic.js';

/** Longest span that {@link RecentTraffic} answers for, in seconds. */
const RECENT_SECONDS = 60;

export interface TrafficRates {
  /** Seconds that the rates cover. */
  seconds: number;
  requests_per_second: number;
  /** Share of answers of class 5xx, 0–1; null without requests. */
  error_rate: number | null;
  /** Mean time to the end of the answer, ms; null without requests. */
  latency_avg_ms: number | null;
  bytes_in_per_second: number;
  bytes_out_per_second: number;
}

interface Sums {
  requests: number;
  errors: number;
  latencySumMs: number;
  bytesIn: number;
  bytesOut: number;
}

interface Second {
  at: number;
  sums: Map<string, Sums>;
}

const ALL = 'all';
const zero = (): Sums => ({ requests: 0, errors: 0, latencySumMs: 0, bytesIn: 0, bytesOut: 0 });

/** What this node carried in the last minute, second by second, before any of it reaches the database. */
@Injectable()
export class RecentTraffic {
  private readonly seconds: Second[] = [];

  add(traffic: readonly TrafficDelta[], nowMs: number): void {
    const at = Math.floor(nowMs / 1000);
    let second = this.seconds.at(-1);
    if (second?.at !== at) {
      second = { at, sums: new Map() };
      this.seconds.push(second);
    }
    while (this.seconds[0]!.at < at - RECENT_SECONDS) this.seconds.shift();
    for (const delta of traffic) {
      this.sum(second, ALL, delta);
      this.sum(second, delta.tenantId, delta);
      if (delta.poolId) this.sum(second, delta.poolId, delta);
      if (delta.backendId) this.sum(second, delta.backendId, delta);
    }
  }

  /**
   * Rates over the last whole seconds, as this node saw them.
   * @param of a tenant's, pool's or backend's id; null: everything
   * @param seconds 1–60
   */
  rates(of: string | null, seconds = 10, nowMs = Date.now()): TrafficRates {
    const now = Math.floor(nowMs / 1000);
    const total = zero();
    for (const second of this.seconds) {
      if (second.at >= now || second.at < now - seconds) continue;
      const sums = second.sums.get(of ?? ALL);
      if (sums) for (const key of Object.keys(total) as (keyof Sums)[]) total[key] += sums[key];
    }
    const { requests } = total;
    return {
      seconds,
      requests_per_second: requests / seconds,
      error_rate: requests ? total.errors / requests : null,
      latency_avg_ms: requests ? total.latencySumMs / requests : null,
      bytes_in_per_second: total.bytesIn / seconds,
      bytes_out_per_second: total.bytesOut / seconds,
    };
  }

  private sum(second: Second, key: string, delta: TrafficDelta): void {
    let sums = second.sums.get(key);
    if (!sums) {
      sums = zero();
      second.sums.set(key, sums);
    }
    sums.requests += delta.requests;
    sums.errors += delta.statusClasses[4];
    sums.latencySumMs += delta.latencySumMs;
    sums.bytesIn += delta.bytesIn;
    sums.bytesOut += delta.bytesOut;
  }
}
