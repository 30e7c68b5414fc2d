export interface BackoffPolicy {
  /** Delay after the first failure, ms. */
  readonly initialMs: number;
  /** No delay is longer, ms. */
  readonly maxMs: number;
}

/** Exponential back-off: `initialMs` after the first failure (`failures` = 1), doubled for each further one. */
export function backoffMs(failures: number, { initialMs, maxMs }: BackoffPolicy): number {
  return Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 30));
}

/**
 * A delay between half of the back-off and all of it ("equal jitter",
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that the agents of a restarted server
 * do not come back at the same moment.
 */
export function jitteredBackoffMs(failures: number, policy: BackoffPolicy): number {
  return backoffMs(failures, policy) * (0.5 + Math.random() / 2);
}
