export interface BackoffPolicy {
  /** Delay after the first failure, ms. */
  readonly initialMs: number;
  /** No delay is longer, ms. */
  readonly maxMs: number;
  /** How many times longer each delay is than the one before; default 2. */
  readonly factor?: number;
}

/**
 * Exponential back-off, ms: `initialMs` after the first failure (`failures` = 1), `factor` times longer after each
 * further one, at most `maxMs`.
 */
export function backoffMs(failures: number, { initialMs, maxMs, factor = 2 }: BackoffPolicy): number {
  return Math.min(maxMs, initialMs * factor ** Math.min(failures - 1, 30));
}

/**
 * A delay between half of the back-off and all of it, ms ("equal jitter": AWS Architecture Blog, "Exponential Backoff
 * And Jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that what failed at the
 * same moment is not tried again at the same moment.
 */
export function jitteredBackoffMs(failures: number, policy: BackoffPolicy): number {
  return backoffMs(failures, policy) * (0.5 + Math.random() / 2);
}
