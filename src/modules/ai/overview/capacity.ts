import type { TrafficPoint } from '../../telemetry/index.js';
import { fullMinutes, mostRequests, wentWell } from '../full-minutes.js';
import type { Scaling } from './overview.dto.js';

type Minute = Pick<TrafficPoint, 'requests' | 'errors' | 'latency_avg_ms'>;

/** What was seen of the most that can be carried. */
export interface MeasuredLoad {
  /** Requests of the best minute with at most 1 % errors. */
  carried: number;
  /** Whether that was all: the pools were seen full, or failed under more. Otherwise it is a record and no limit. */
  isFull: boolean;
}

/** Fewer good minutes than this say nothing of what can be carried. */
const MIN_MINUTES = 10;
const MIN_QUIET = 5;
const MIN_FULL = 5;
/** Below this share of what was carried a forecast's upper bound leaves most of it idle. */
const IDLE_BELOW = 0.3;

/** Null below ten minutes with at most 1 % errors. */
export function measuredLoad(minutes: readonly Minute[]): MeasuredLoad | null {
  const busy = minutes.filter(({ requests }) => requests > 0);
  const good = busy.filter(wentWell);
  if (good.length < MIN_MINUTES) return null;
  const carried = mostRequests(good);
  const failed = busy.filter((m) => m.requests > carried && !wentWell(m)).length;
  const full = fullMinutes(good, (m) => m.latency_avg_ms ?? 0, MIN_QUIET) ?? [];
  return { carried, isFull: failed >= MIN_FULL || full.length >= MIN_FULL };
}

/** Up when more may come than can be carried, down when even the upper bound leaves most of what was carried idle. */
export function scalingFor(upper: number, load: MeasuredLoad | null): Scaling {
  if (load === null) return 'maintain';
  if (load.isFull && upper > load.carried) return 'scale_up';
  return upper < load.carried * IDLE_BELOW ? 'scale_down' : 'maintain';
}
