/** Plain data of an online autoregression. */
export interface AutoregressionState {
  coefficients: number[];
  /** Inverse of the discounted correlation matrix, row-major. */
  inverse: number[];
}

const FORGETTING = 0.9995;
const START = 10;

/**
 * Linear forecast of the next value from the last ones, refitted at every value by recursive least squares with
 * forgetting. It works on values that the caller has scaled to about one.
 */
export class OnlineAutoregression {
  private readonly coefficients: Float64Array;
  private readonly inverse: Float64Array;

  constructor(
    private readonly order: number,
    state?: AutoregressionState,
  ) {
    this.coefficients = state ? Float64Array.from(state.coefficients) : new Float64Array(order);
    this.inverse = state ? Float64Array.from(state.inverse) : new Float64Array(order * order);
    if (!state) for (let i = 0; i < order; i++) this.inverse[i * order + i] = START;
  }

  predict(inputs: Float64Array): number {
    let sum = 0;
    for (let i = 0; i < this.order; i++) sum += this.coefficients[i] * inputs[i];
    return sum;
  }

  /** Learns that `inputs` were followed by `actual`. */
  update(inputs: Float64Array, actual: number): void {
    const { order, inverse, coefficients } = this;
    const gain = new Float64Array(order);
    let denominator = FORGETTING;
    for (let i = 0; i < order; i++) {
      for (let j = 0; j < order; j++) gain[i] += inverse[i * order + j] * inputs[j];
      denominator += inputs[i] * gain[i];
    }
    const error = actual - this.predict(inputs);
    for (let i = 0; i < order; i++) coefficients[i] += (gain[i] / denominator) * error;
    for (let i = 0; i < order; i++)
      for (let j = 0; j < order; j++)
        inverse[i * order + j] = (inverse[i * order + j] - (gain[i] * gain[j]) / denominator) / FORGETTING;
    for (let i = 0; i < order; i++) inverse[i * order + i] = Math.min(inverse[i * order + i], 1e4);
  }

  state(): AutoregressionState {
    return { coefficients: Array.from(this.coefficients), inverse: Array.from(this.inverse) };
  }
}
