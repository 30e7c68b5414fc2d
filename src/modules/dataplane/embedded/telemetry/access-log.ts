import type { AccessSample } from '../../engine.js';

/** Errors kept per tenant between two drains, the newest. */
export const ERROR_RING = 200;
/** Other requests kept per tenant between two drains, a uniform sample. */
export const SAMPLE_SIZE = 50;

/**
 * One tenant's access samples: every error as far as the ring goes, and a uniform sample of the rest (reservoir
 * sampling, Vitter's algorithm R), which is all of it when there is little.
 */
export class AccessLog {
  private errors: AccessSample[] = [];
  private errorAt = 0;
  private sample: AccessSample[] = [];
  private seen = 0;

  constructor(private readonly random: () => number) {}

  /** `line` is called only when the request is kept. */
  add(status: number, line: () => AccessSample): void {
    if (status >= 500) {
      this.errors[this.errorAt % ERROR_RING] = line();
      this.errorAt++;
      return;
    }
    this.seen++;
    if (this.sample.length < SAMPLE_SIZE) {
      this.sample.push(line());
      return;
    }
    const place = Math.floor(this.random() * this.seen);
    if (place < SAMPLE_SIZE) this.sample[place] = line();
  }

  drainInto(samples: AccessSample[]): void {
    const all = [...this.errors, ...this.sample];
    all.sort((a, b) => a.at.getTime() - b.at.getTime());
    samples.push(...all);
    this.errors = [];
    this.errorAt = 0;
    this.sample = [];
    this.seen = 0;
  }
}
