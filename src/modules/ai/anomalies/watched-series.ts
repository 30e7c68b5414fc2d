import { MINUTE_MS } from '../../../common/durations.js';
import { ResidualDetector, type ResidualState } from '../core/index.js';

/** Minutes that are learnt from before anything is found. */
const WARM_UP = 60;
/** Minutes after a finding without another one, unless things get worse than it. */
const REST = 60;
/** One in 10^6: a detector that looks once a minute at hundreds of series must be sure. */
const THRESHOLD = 0.6;
/** Minutes before a finding that are kept with it. */
const BEFORE = 30;
/** Minutes after a finding that are kept with it. */
const AFTER = 15;
/** Minutes in a row within the range that was expected before the finding: it is over. */
const CALM = 3;
/** A disturbance that lasts so long is how things are now. */
const NEW_LEVEL = 120;
/** Minutes that a detector's score is over. */
const SURPRISES = 3;

/** Epoch milliseconds and value. */
export type Sample = [number, number];

interface OpenFinding {
  id: string;
  since: number;
  /** What was expected before it. */
  lower: number;
  upper: number;
  calm: number;
}

/** A minute with what was expected of it. */
interface Judged {
  at: number;
  value: number;
  expected: { value: number; lower: number; upper: number };
}

/** Everything that is known of a series: plain data, the same as JSON. */
export interface WatchedState {
  detector: ResidualState;
  recent: Sample[];
  /** The last minutes that were outside of what was expected. */
  outside: Judged[];
  open: OpenFinding | null;
}

export interface Finding {
  id: string;
  at: number;
  value: number;
  /** 0 to 1, logarithmic: 0.5 is one in 10^5, 1 one in 10^10 or rarer. */
  score: number;
  expected: number;
  lower: number;
  upper: number;
  /** The minutes before it, its own, and the one or two that made it certain. */
  around: Sample[];
}

/** What a minute brought. */
export interface Verdict {
  finding: Finding | null;
  /** A finding that this minute belongs to, while it is less than {@link AFTER} minutes old. */
  followed: string | null;
  /** A finding that is over. */
  ended: string | null;
}

const isWithin = (value: number, range: { lower: number; upper: number }) =>
  value >= range.lower && value <= range.upper;

/**
 * One series, a value a minute, none of them below zero. A disturbance is found once: while it lasts, only what lies
 * outside of both the range before it and the range that is expected by now is another finding, and going back to
 * normal is none.
 */
export class WatchedSeries {
  private readonly detector: ResidualDetector;
  private readonly recent: Sample[];
  private outside: Judged[];
  private open: OpenFinding | null;

  /** @param newId gives the id of a finding */
  constructor(
    private readonly newId: () => string,
    state?: WatchedState,
  ) {
    const options = { warmUp: WARM_UP, rest: REST, threshold: THRESHOLD };
    this.detector = new ResidualDetector(options, state?.detector);
    this.recent = state ? [...state.recent] : [];
    this.outside = state?.outside ?? [];
    this.open = state?.open ? { ...state.open } : null;
  }

  /**
   * @param at epoch milliseconds
   * @param noise size of a deviation that means nothing
   */
  update(at: number, value: number, noise: number): Verdict {
    const { anomaly, expected, score } = this.detector.update(at, value, noise);
    const before = this.open?.id ?? null;
    const followed = this.open && at - this.open.since <= AFTER * MINUTE_MS ? this.open.id : null;
    this.remember(at, value);
    if (expected && !isWithin(value, expected)) this.outside.push({ at, value, expected });
    this.outside = this.outside.filter((judged) => judged.at > at - SURPRISES * MINUTE_MS);
    const worst = anomaly ? this.worst() : null;
    if (worst) return { finding: this.begin(worst, score), followed: null, ended: before };
    return { finding: null, followed, ended: this.settle(at, value) };
  }

  /** The finding that lasts. */
  get lasting(): string | null {
    return this.open?.id ?? null;
  }

  state(): WatchedState {
    const { recent, outside, open } = this;
    return { detector: this.detector.state(), recent: [...recent], outside, open };
  }

  /** The minute that the detector means, whose score is over the last three; null when it is going back to normal. */
  private worst(): Judged | null {
    const { open } = this;
    const news = this.outside.filter(({ value }) => !open || !isWithin(value, open));
    const distance = ({ value, expected }: Judged) => Math.abs(value - expected.value);
    return news.reduce<Judged | null>((a, b) => (a && distance(a) >= distance(b) ? a : b), null);
  }

  private begin({ at, value, expected }: Judged, score: number): Finding {
    const range = { lower: Math.max(0, expected.lower), upper: Math.max(0, expected.upper) };
    const id = this.newId();
    const { lower, upper } = this.open ?? range;
    this.open = { id, since: at, lower, upper, calm: 0 };
    const around = this.recent.filter(([minute]) => minute > at - (BEFORE + 1) * MINUTE_MS);
    return { id, at, value, score, expected: Math.max(0, expected.value), ...range, around };
  }

  private settle(at: number, value: number): string | null {
    const { open } = this;
    if (!open) return null;
    open.calm = isWithin(value, open) ? open.calm + 1 : 0;
    if (open.calm < CALM && at - open.since < NEW_LEVEL * MINUTE_MS) return null;
    this.open = null;
    return open.id;
  }

  private remember(at: number, value: number): void {
    this.recent.push([at, value]);
    if (this.recent.length > BEFORE + SURPRISES) this.recent.shift();
  }
}
