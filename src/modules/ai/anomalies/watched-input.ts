import type { Metric } from './metrics.js';

/** New minutes of one series. */
export interface WatchedInput {
  /** Stable name of the series, within its tenant. */
  key: string;
  metric: Metric;
  /** Null for a node's series. */
  pool: { id: string; name: string } | null;
  /** Null for a pool's series. */
  node: string | null;
  /** Start of the last minute that was looked at, with or without a value. */
  minute: Date;
  /** Oldest first. */
  samples: { at: number; value: number; noise: number }[];
}

/** How far back a series that is new begins. */
export const LOOK_BACK_MS = 6 * 3_600_000;
