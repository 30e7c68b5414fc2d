/** Rows of features with what was to be forecast: the change of the series from the last value to the target. */
export interface Dataset {
  rows: number;
  width: number;
  /** Row-major, `rows * width`, oldest row first. */
  x: Float64Array;
  /** Target: value at the target bucket less the last value known at the origin. */
  y: Float64Array;
}
