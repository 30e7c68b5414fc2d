/** Shares of the expected change that are tried besides all of it. */
const SHARES = [0, 0.25, 0.5, 0.75] as const;
/** Half-lives of the mixture that the errors of the shares are remembered for. */
const MEMORY = 4;
/** A share must have gained more than this many standard errors: one burst proves nothing. */
const CERTAINTY = 3;

/** Plain data of a trust, one figure a share. */
export interface TrustState {
  /** Discounted sum of how much lower the absolute error would have been than with all of the change. */
  gain: number[];
  /** Discounted sum of the squares of the same. */
  variance: number[];
}

/**
 * How much of the change that the mixture expects is worth believing: all of it, unless a smaller share (none is the
 * naive forecast) had lower absolute errors so far. On a series without a pattern, a random walk say, any expected change
 * is noise, and believing it would lose to the naive forecast.
 */
export class Trust {
  private readonly gain: Float64Array;
  private readonly variance: Float64Array;
  private readonly keep: number;

  /** @param halfLife the mixture's, in observations */
  constructor(halfLife: number, state?: TrustState) {
    this.gain = state ? Float64Array.from(state.gain) : new Float64Array(SHARES.length);
    this.variance = state ? Float64Array.from(state.variance) : new Float64Array(SHARES.length);
    this.keep = 0.5 ** (1 / (MEMORY * halfLife));
  }

  /** The share that gained most. */
  get share(): number {
    let [best, most] = [1, 0];
    SHARES.forEach((share, i) => {
      if (this.gain[i] <= most || this.gain[i] <= CERTAINTY * Math.sqrt(this.variance[i])) return;
      best = share;
      most = this.gain[i];
    });
    return best;
  }

  /** Learns that the mixture expected `change` and the series changed by `actual`. */
  update(change: number, actual: number): void {
    SHARES.forEach((share, i) => {
      const gained = Math.abs(actual - change) - Math.abs(actual - share * change);
      this.gain[i] = this.gain[i] * this.keep + gained;
      this.variance[i] = this.variance[i] * this.keep + gained * gained;
    });
  }

  state(): TrustState {
    return { gain: Array.from(this.gain), variance: Array.from(this.variance) };
  }
}
