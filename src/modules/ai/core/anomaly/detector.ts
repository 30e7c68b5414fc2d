/** What a detector says of one value. */
export interface AnomalyFinding {
  /** Epoch milliseconds. */
  timestamp: number;
  value: number;
  /** 0 (ordinary) to 1; comparable within one kind of detector. */
  score: number;
  /** True once per disturbance: a finding is followed by a rest without findings. */
  anomaly: boolean;
  /** What was expected before the value came; null during the warm-up. */
  expected: { value: number; lower: number; upper: number } | null;
}

/** A streaming detector: one value at a time, nothing looks ahead, the state is plain data. */
export interface AnomalyDetector<State> {
  /**
   * Judges the next value and learns from it. A value that is not a finite number is no observation: it gets score 0
   * and changes nothing.
   *
   * @param timestamp epoch milliseconds
   * @param noise size of a deviation that means nothing (counting noise, what nobody cares about), in the unit of the
   *   values; default 0. Detectors that do not measure deviations ignore it.
   */
  update(timestamp: number, value: number, noise?: number): AnomalyFinding;
  /** Everything it knows, to be stored as JSON and given to the constructor. */
  state(): State;
}

/** Settings that every detector shares. */
export interface DetectorOptions {
  /** Values that are learnt from before anything is found; default 288. */
  warmUp?: number;
  /** Values after a finding during which nothing else is found; default 144. */
  rest?: number;
  /** Score from which a value is a finding; default 0.4 for the residual and 0.6 for the contextual detector. */
  threshold?: number;
}

/** Counts the rest after a finding. */
export class Rest {
  constructor(
    private readonly length: number,
    public left = 0,
  ) {}

  /** Whether a value that stands out is a finding now; starts the rest if it is. */
  admit(standsOut: boolean): boolean {
    if (this.left > 0) {
      this.left--;
      return false;
    }
    if (standsOut) this.left = this.length;
    return standsOut;
  }
}
