/** Plain data of a mixture, one figure an expert. */
export interface MixtureState {
  /** Discounted sum of how much better the expert's direction was than the mixture's. */
  regret: number[];
  /** Discounted sum of the squares of the same. */
  variance: number[];
  /** Largest square of the same, discounted. */
  peak: number[];
}

/**
 * Online mixture of experts: ML-Poly (Gaillard, Stoltz and van Erven 2014) on the gradient of the absolute error, with
 * discounting. An expert weighs as far as leaning towards it would have lowered the past error of the mixture, so that
 * experts that err in opposite directions are combined and the mixture can beat the best of them. Only errors that had
 * already come out are used: a mixture needs no hold-out.
 */
export class Mixture {
  private readonly regret: Float64Array;
  private readonly variance: Float64Array;
  private readonly peak: Float64Array;

  /**
   * @param experts how many there are
   * @param halfLife steps after which a past error counts half
   */
  constructor(
    experts: number,
    private readonly halfLife: number,
    state?: MixtureState,
  ) {
    const restore = (values?: number[]) => (values ? Float64Array.from(values) : new Float64Array(experts));
    this.regret = restore(state?.regret);
    this.variance = restore(state?.variance);
    this.peak = restore(state?.peak);
  }

  /** Weights that add up to 1; all alike while no expert was better than the mixture. */
  weights(): Float64Array {
    const raw = this.regret.map((regret, i) => (regret > 0 ? regret / (this.variance[i] + this.peak[i]) : 0));
    const sum = raw.reduce((a, b) => a + b, 0);
    return raw.map((weight) => (sum > 0 ? weight / sum : 1 / raw.length));
  }

  /** The weighted mean of what the experts say. */
  combine(forecasts: Float64Array): number {
    const weights = this.weights();
    let sum = 0;
    for (let i = 0; i < forecasts.length; i++) sum += weights[i] * forecasts[i];
    return sum;
  }

  /** Learns from what came. */
  update(forecasts: Float64Array, actual: number): void {
    const keep = 0.5 ** (1 / this.halfLife);
    const mixed = this.combine(forecasts);
    const direction = Math.sign(mixed - actual);
    for (let i = 0; i < forecasts.length; i++) {
      const gain = direction * (mixed - forecasts[i]);
      this.regret[i] = this.regret[i] * keep + gain;
      this.variance[i] = this.variance[i] * keep + gain * gain;
      this.peak[i] = Math.max(this.peak[i] * keep, gain * gain);
    }
  }

  state(): MixtureState {
    return {
      regret: Array.from(this.regret),
      variance: Array.from(this.variance),
      peak: Array.from(this.peak),
    };
  }
}
