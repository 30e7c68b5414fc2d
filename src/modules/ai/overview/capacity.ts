import type { TrafficPoint } from '../../telemetry/index.js';
import { median } from '../core/numeric/statistics.js';
import type { Scaling } from './overview.dto.js';

type Minute = Pick<TrafficPoint, 'requests' | 'errors' | 'latency_avg_ms'>;

/** What was seen of the most that can be carried. */
export interface MeasuredLoad {
  /** Requests of the best minute with at most 1 % errors. */
  carried: number;
  /** Whether that was all: the pools were seen full, or failed under more. Otherwise it is a record and no limit. */
  isFull: boolean;
}

const TOLERATED_ERRORS = 0.01;
/** Fewer good minutes than this say nothing of what can be carried. */
const MIN_MINUTES = 10;
/** As in proactive/capacity.ts: quiet minutes have at most this share of the best one … */
const QUIET = 0.5;
const MIN_QUIET = 5;
/** … busy ones at least this; they are full when answers took this much longer than in quiet ones. */
const BUSY = 0.8;
const SLOWER = 1.3;
const MIN_FULL = 5;
/** Below this share of what was carried a forecast's upper bound leaves most of it idle. */
const IDLE_BELOW = 0.3;

const isGood = ({ requests, errors }: Minute): boolean => errors / requests <= TOLERATED_ERRORS;

/** How many of the busiest minutes were slower than quiet ones; 0 where no quiet ones are known. */
function slowMinutes(good: readonly Minute[], carried: number): number {
  const quiet = good.filter(({ requests }) => requests <= QUIET * carried);
  if (quiet.length < MIN_QUIET) return 0;
  const slow = SLOWER * median(quiet.map((m) => m.latency_avg_ms ?? 0));
  return good.filter((m) => m.requests >= BUSY * carried && (m.latency_avg_ms ?? 0) >= slow).length;
}

/** Null below ten minutes with at most 1 % errors. */
export function measuredLoad(minutes: readonly Minute[]): MeasuredLoad | null {
  const busy = minutes.filter(({ requests }) => requests > 0);
  const good = busy.filter(isGood);
  if (good.length < MIN_MINUTES) return null;
  const carried = good.reduce((most, { requests }) => Math.max(most, requests), 0);
  const failed = busy.filter((m) => m.requests > carried && !isGood(m)).length;
  return { carried, isFull: failed >= MIN_FULL || slowMinutes(good, carried) >= MIN_FULL };
}

/** Up when more may come than can be carried, down when even the upper bound leaves most of what was carried idle. */
export function scalingFor(upper: number, load: MeasuredLoad | null): Scaling {
  if (load === null) return 'maintain';
  if (load.isFull && upper > load.carried) return 'scale_up';
  return upper < load.carried * IDLE_BELOW ? 'scale_down' : 'maintain';
}
