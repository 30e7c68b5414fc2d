/**
 * Exponentially weighted moving average over unevenly spaced samples: a sample's weight is 1 − e^(−Δt/τ), so the
 * average forgets by time, not by count.
 */
export class Ewma {
  /** Null before the first sample. */
  value: number | null = null;
  /** Time of the last sample, ms of the caller's clock. */
  at = 0;

  /** @param tauMs Time constant τ: after τ ms an old value has 1/e of its weight. */
  constructor(private readonly tauMs: number) {}

  add(sample: number, now: number): void {
    this.value = this.value === null ? sample : sample + (this.value - sample) * this.decay(now);
    this.at = now;
  }

  /** What is left of the old value's weight at `now`, 1 … 0. */
  protected decay(now: number): number {
    return Math.exp(-Math.max(0, now - this.at) / this.tauMs);
  }
}

/**
 * Peak EWMA: rises to a worse sample at once, forgets it slowly. (Finagle's "Peak EWMA" load metric,
 * https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-least-loaded)
 */
export class PeakEwma extends Ewma {
  override add(sample: number, now: number): void {
    if (this.value !== null && sample > this.value) {
      this.value = sample;
      this.at = now;
    } else {
      super.add(sample, now);
    }
  }
}
