export class AlgorithmFiguresResponse {
  /** @example least_connections */
  algorithm: string;
  /**
   * Median time to the answer; null without enough traffic.
   * @example 11.8
   */
  p50_ms: number | null;
  /** @example 84.2 */
  p99_ms: number | null;
  /**
   * Share of answers of class 5xx.
   * @example 0.002
   */
  error_rate: number | null;
  /**
   * Recorded requests that were replayed.
   * @example 4200
   */
  sample_size: number;
}

/** Whose traffic is replayed, and from when. */
export class ComparisonWindow {
  /** @example 2026-06-18T15:30:00.000Z */
  from: string;
  /** @example 2026-06-19T15:30:00.000Z */
  to: string;
  /**
   * The pool that carried most of it; null without traffic.
   * @example web_servers
   */
  pool: string | null;
}

export class ComparisonResponse {
  /**
   * What the figures rest on, and what they do not tell.
   * @example "no recorded traffic"
   */
  basis: string;
  /** @example 4200 */
  sample_size: number;
  window: ComparisonWindow;
  algorithms: AlgorithmFiguresResponse[];
  /**
   * Null without enough traffic.
   * @example least_connections
   */
  recommended_algorithm: string | null;
  /**
   * Share of bootstrap resamples of the traffic in which the recommended one is the best, or within 5 % of it.
   * @example 0.93
   */
  confidence: number | null;
}
