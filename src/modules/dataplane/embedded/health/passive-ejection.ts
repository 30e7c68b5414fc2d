/** Failures in a row that eject a backend, and how many when it has just come back. */
const THRESHOLD = 5;
const BASE_MS = 1_000;
const LONGEST_MS = 60_000;

/**
 * Outlier detection by what real requests meet: consecutive connection failures, timeouts and 502, 503 or 504 answers
 * take a backend out for a while, twice as long each time (after Envoy's consecutive gateway failure,
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier). Whether it may be ejected at all
 * (never the last usable one) is the pool's decision.
 */
export class PassiveEjection {
  ejected = false;
  private failures = 0;
  private ejections = 0;
  private readmittedAt = Number.NEGATIVE_INFINITY;

  /** Counts a failure; true when the backend should be ejected now. */
  failed(): boolean {
    if (this.ejected) return false;
    this.failures++;
    return this.failures >= THRESHOLD;
  }

  succeeded(now: number): void {
    this.failures = 0;
    if (this.ejections > 0 && !this.ejected && now - this.readmittedAt > this.duration(this.ejections)) {
      this.ejections = 0;
    }
  }

  /** Takes it out; returns for how long, ms. */
  eject(): number {
    this.ejected = true;
    this.ejections++;
    return this.duration(this.ejections);
  }

  /** Lets it back in on probation: its next failure ejects it again. */
  readmit(now: number): void {
    this.ejected = false;
    this.failures = THRESHOLD - 1;
    this.readmittedAt = now;
  }

  private duration(ejections: number): number {
    return Math.min(LONGEST_MS, BASE_MS * 2 ** (ejections - 1));
  }
}
