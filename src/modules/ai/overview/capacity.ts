import type { TrafficPoint } from '../../telemetry/index.js';
import type { Scaling } from './overview.dto.js';

const TOLERATED_ERRORS = 0.01;
/** Fewer good minutes than this say nothing of what can be carried. */
const MIN_MINUTES = 10;
/** Below this share of the measured capacity a forecast's upper bound leaves most of it idle. */
const IDLE_BELOW = 0.3;

/** Requests of the best minute that was carried with at most 1 % errors; null below ten such minutes. */
export function measuredCapacity(
  minutes: readonly Pick<TrafficPoint, 'requests' | 'errors'>[],
): number | null {
  const good = minutes.filter((m) => m.requests > 0 && m.errors / m.requests <= TOLERATED_ERRORS);
  return good.length < MIN_MINUTES ? null : good.reduce((most, { requests }) => Math.max(most, requests), 0);
}

/** Up when more may come than was ever carried well, down when even the upper bound leaves most of it idle. */
export function scalingFor(upper: number, capacity: number | null): Scaling {
  if (capacity === null) return 'maintain';
  if (upper > capacity) return 'scale_up';
  return upper < capacity * IDLE_BELOW ? 'scale_down' : 'maintain';
}
