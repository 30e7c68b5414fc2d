import { clamp } from '../numeric/statistics.js';
import { ContextMemory, type ContextMemoryState } from './context-memory.js';
import { type AnomalyDetector, type AnomalyFinding, type DetectorOptions, Rest } from './detector.js';

/** Everything a contextual detector knows. */
export interface ContextualState {
  /** Values of the warm-up while it lasts. */
  early: number[];
  /** Range of values that is told apart; null while it is not known. */
  range: [number, number] | null;
  restLeft: number;
  memory: ContextMemoryState;
}

export interface ContextualOptions extends DetectorOptions {
  /** Successions that are remembered; each costs time and memory. Default 1500. */
  capacity?: number;
}

const BITS = 3;
const LEVELS = 2 ** BITS;
/** The range seen during the warm-up is widened by this share of itself on either side. */
const WIDENING = 0.5;

/** Facts of a level: one for each bit, telling which it is and whether it is set. */
const FACTS = Array.from({ length: LEVELS }, (_, level) =>
  Array.from({ length: BITS }, (_, bit) => 2 * bit + ((level >> bit) & 1)),
);

/**
 * The accurate detector: learns which levels of the value follow which, and finds successions that break what was
 * learnt. The range is taken from the warm-up and widened by half; values beyond it count as its ends. Costs about a
 * hundred times as much as the default detector.
 */
export class ContextualDetector implements AnomalyDetector<ContextualState> {
  private readonly warmUp: number;
  private readonly threshold: number;
  private readonly rest: Rest;
  private readonly memory: ContextMemory;
  private early: number[];
  private range: [number, number] | null;

  constructor(options: ContextualOptions = {}, state?: ContextualState) {
    this.warmUp = options.warmUp ?? 288;
    this.threshold = options.threshold ?? 0.6;
    this.rest = new Rest(options.rest ?? 144, state?.restLeft);
    this.memory = new ContextMemory(options.capacity ?? 1500, state?.memory);
    this.early = state ? [...state.early] : [];
    this.range = state?.range ?? null;
  }

  update(timestamp: number, value: number): AnomalyFinding {
    if (!Number.isFinite(value) || this.range === null) return this.warm(timestamp, value);
    const expected = this.expectation(this.range);
    const { confirmed, novel } = this.memory.step(FACTS[levelOf(value, this.range)]);
    const score = (1 - confirmed + novel) / 2;
    return { timestamp, value, score, anomaly: this.rest.admit(score >= this.threshold), expected };
  }

  state(): ContextualState {
    return {
      early: [...this.early],
      range: this.range,
      restLeft: this.rest.left,
      memory: this.memory.state(),
    };
  }

  private warm(timestamp: number, value: number): AnomalyFinding {
    if (Number.isFinite(value)) this.early.push(value);
    if (this.range === null && this.early.length >= this.warmUp) this.begin();
    return { timestamp, value, score: 0, anomaly: false, expected: null };
  }

  /** The warm-up is over: takes the range from it and learns its successions. */
  private begin(): void {
    const low = Math.min(...this.early);
    const high = Math.max(...this.early);
    const margin = WIDENING * (high - low || Math.abs(high) || 1);
    this.range = [low - margin, high + margin];
    for (const value of this.early) this.memory.step(FACTS[levelOf(value, this.range)]);
    this.early = [];
  }

  /** Levels that the memory's successions lead to: the best supported one, and all with half its support. */
  private expectation([low, high]: [number, number]): AnomalyFinding['expected'] {
    const support = FACTS.map((facts) => this.memory.support(facts));
    const most = Math.max(...support);
    if (most === 0) return null;
    const width = (high - low) / (LEVELS - 1);
    const likely = support.flatMap((value, level) => (value >= most / 2 ? [level] : []));
    return {
      value: low + (support.indexOf(most) + 0.5) * width,
      lower: low + likely[0] * width,
      upper: low + (likely[likely.length - 1] + 1) * width,
    };
  }
}

/** Level of a value. The range has one step less than there are levels, so that no edge lies on the warm-up's lowest value. */
function levelOf(value: number, [low, high]: [number, number]): number {
  return clamp(Math.floor(((value - low) / (high - low)) * (LEVELS - 1)), 0, LEVELS - 1);
}
