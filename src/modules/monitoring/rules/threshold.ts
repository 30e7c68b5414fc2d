/** Samples in a row that a state needs before it counts: a short peak is no alert. */
const IN_A_ROW = 3;
/**
 * Below the limit by this much, or by half of a small limit, it is well again: a value that wavers around the limit
 * makes one alert, not many.
 */
const HYSTERESIS = 5;

export type Crossing = 'over' | 'under';

/** A limit on a measured value, with hysteresis in value and time. */
export class Threshold {
  /** Unknown after a start: an alert of an earlier run may fire. */
  private settled: Crossing | null = null;
  private candidate: Crossing | null = null;
  private count = 0;

  /** Whether it has settled above the limit. */
  get isOver(): boolean {
    return this.settled === 'over';
  }

  /** @returns where the value has gone to stay; null while nothing is new. The same again until {@link settle} */
  next(value: number, limit: number): Crossing | null {
    const well = Math.max(limit - HYSTERESIS, limit / 2);
    const side = value > limit ? 'over' : value <= well ? 'under' : null;
    if (side === null || side === this.settled) {
      this.candidate = null;
      this.count = 0;
      return null;
    }
    this.count = side === this.candidate ? this.count + 1 : 1;
    this.candidate = side;
    return this.count >= IN_A_ROW ? side : null;
  }

  /** The crossing has been acted on. */
  settle(crossing: Crossing): void {
    this.settled = crossing;
    this.candidate = null;
    this.count = 0;
  }
}
