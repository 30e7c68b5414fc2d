import { defined } from '../../common/defined.js';
import { durationMs } from '../../common/durations.js';
import { invalidField } from '../../common/errors.js';

/** How backends are checked, in the form of the API and of the database. */
export interface HealthCheck {
  enabled: boolean;
  path: string;
  interval: string;
  timeout: string;
  expected_status: number;
  rise: number;
  fall: number;
}

export const DEFAULT_HEALTH_CHECK: Readonly<HealthCheck> = {
  enabled: true,
  path: '/health',
  interval: '10s',
  timeout: '3s',
  expected_status: 200,
  rise: 2,
  fall: 3,
};

/** Fields that are set win over the ones below; a timeout that nobody set is never longer than the interval. */
export function withDefaults(given: Partial<HealthCheck>, defaults: Readonly<HealthCheck>): HealthCheck {
  const set = defined(given);
  const result: HealthCheck = { ...defaults, ...set };
  if (given.timeout === undefined && isTooLong(result)) result.timeout = result.interval;
  return result;
}

const isTooLong = (check: HealthCheck) => durationMs(check.timeout) > durationMs(check.interval);

/** @throws AppError 422 when a check could still run at the time of the next one */
export function requireTimeoutWithinInterval(check: HealthCheck): void {
  if (isTooLong(check))
    throw invalidField(
      'health_check.timeout',
      'timeoutWithinInterval',
      `health_check.timeout (${check.timeout}) must not be longer than health_check.interval (${check.interval})`,
    );
}
