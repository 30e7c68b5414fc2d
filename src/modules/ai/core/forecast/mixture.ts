/** What one memory knows, one figure an expert. */
interface MemoryState {
  /** Discounted sum of how far leaning towards the expert would have lowered the error. */
  regret: number[];
  /** Discounted sum of the squares of the same. */
  variance: number[];
  /** Largest square of the same, discounted. */
  peak: number[];
}

/** Plain data of a mixture: one memory after another, the shortest first. */
export type MixtureState = MemoryState[];

/** What a mixture of some of the experts would know. */
export function subset(state: MixtureState, kept: readonly number[]): MixtureState {
  const pick = (values: number[]) => kept.map((i) => values[i]);
  return state.map(({ regret, variance, peak }) => ({
    regret: pick(regret),
    variance: pick(variance),
    peak: pick(peak),
  }));
}

/** Memories as multiples of the half-life. */
const SPANS = [0.25, 1, 4] as const;

/** ML-Poly with one discount. */
class Memory {
  private readonly regret: Float64Array;
  private readonly variance: Float64Array;
  private readonly peak: Float64Array;
  private readonly keep: number;

  constructor(experts: number, halfLife: number, state?: MemoryState) {
    const restore = (values?: number[]) => (values ? Float64Array.from(values) : new Float64Array(experts));
    this.regret = restore(state?.regret);
    this.variance = restore(state?.variance);
    this.peak = restore(state?.peak);
    this.keep = 0.5 ** (1 / halfLife);
  }

  weights(): Float64Array {
    const raw = this.regret.map((regret, i) => (regret > 0 ? regret / (this.variance[i] + this.peak[i]) : 0));
    const sum = raw.reduce((a, b) => a + b, 0);
    return raw.map((weight) => (sum > 0 ? weight / sum : 1 / raw.length));
  }

  update(forecasts: Float64Array, actual: number): void {
    const mixed = dot(this.weights(), forecasts);
    const direction = Math.sign(mixed - actual);
    for (let i = 0; i < forecasts.length; i++) {
      const gain = direction * (mixed - forecasts[i]);
      this.regret[i] = this.regret[i] * this.keep + gain;
      this.variance[i] = this.variance[i] * this.keep + gain * gain;
      this.peak[i] = Math.max(this.peak[i] * this.keep, gain * gain);
    }
  }

  state(): MemoryState {
    const { regret, variance, peak } = this;
    return { regret: Array.from(regret), variance: Array.from(variance), peak: Array.from(peak) };
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * Online mixture of experts: ML-Poly (Gaillard, Stoltz and van Erven 2014) on the gradient of the absolute error, with
 * discounting. An expert weighs as far as leaning towards it would have lowered the past error of the mixture, so that
 * experts that err in opposite directions are combined and the mixture can beat the best of them. Since no one memory
 * suits all series, a short, a middle and a long one vote alike. Only errors that had already come out are used: a
 * mixture needs no hold-out.
 */
export class Mixture {
  private readonly memories: Memory[];

  /**
   * @param experts how many there are
   * @param halfLife observations after which a past error counts half, in the middle memory
   */
  constructor(experts: number, halfLife: number, state?: MixtureState) {
    this.memories = SPANS.map((span, i) => new Memory(experts, Math.max(8, span * halfLife), state?.[i]));
  }

  /** Weights that add up to 1; all alike before the first error. */
  weights(): Float64Array {
    const all = this.memories.map((memory) => memory.weights());
    return all[0].map((_, i) => all.reduce((sum, weights) => sum + weights[i], 0) / all.length);
  }

  /** The weighted mean of what the experts say. */
  combine(forecasts: Float64Array): number {
    return dot(this.weights(), forecasts);
  }

  /** Learns from what came. */
  update(forecasts: Float64Array, actual: number): void {
    for (const memory of this.memories) memory.update(forecasts, actual);
  }

  state(): MixtureState {
    return this.memories.map((memory) => memory.state());
  }
}
