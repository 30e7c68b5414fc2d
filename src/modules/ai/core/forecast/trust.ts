/** Shares of the expected change that are tried. */
const SHARES = [0, 0.25, 0.5, 0.75, 1] as const;
/** Half-lives of the mixture that the errors of the shares are remembered for. */
const MEMORY = 4;

/**
 * How much of the change that the mixture expects is worth believing: the share, from none (the naive forecast) to all,
 * with the least discounted absolute error so far. On a series without a pattern, a random walk say, any expected
 * change is noise, and believing it would lose to the naive forecast.
 */
export class Trust {
  private readonly errors: Float64Array;
  private readonly keep: number;

  /**
   * @param halfLife the mixture's, in observations
   * @param state discounted errors by share, as {@link state} gives them
   */
  constructor(halfLife: number, state?: readonly number[]) {
    this.errors = state ? Float64Array.from(state) : new Float64Array(SHARES.length);
    this.keep = 0.5 ** (1 / (MEMORY * halfLife));
  }

  /** The share that was best; all of it while nothing else was better. */
  get share(): number {
    let best = SHARES.length - 1;
    for (let i = best - 1; i >= 0; i--) if (this.errors[i] < this.errors[best]) best = i;
    return SHARES[best];
  }

  /** Learns that the mixture expected `change` and the series changed by `actual`. */
  update(change: number, actual: number): void {
    SHARES.forEach((share, i) => {
      this.errors[i] = this.errors[i] * this.keep + Math.abs(actual - share * change);
    });
  }

  state(): number[] {
    return Array.from(this.errors);
  }
}
