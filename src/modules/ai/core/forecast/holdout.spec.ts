import { type BandRun, compare, judge, pick } from './holdout.js';
import { MetricsTally } from './metrics.js';

describe('pick', () => {
  it('takes the lowest error, but the mixture when that is hardly worse', () => {
    expect(pick({ naive: 1, trees: 0.6, mixture: 0.9 })).toBe('trees');
    expect(pick({ naive: 1, trees: 0.6, mixture: 0.62 })).toBe('mixture');
  });

  it('falls back to naive when nothing is better', () => {
    expect(pick({ naive: 1, trees: 1.2, mixture: 1.001 })).toBe('naive');
    expect(pick({ naive: null, trees: null })).toBe('naive');
  });
});

/** A band whose expert is off by 1 where naive is off by `naiveError`. */
function band(naiveError: number, length = 60): BandRun {
  const settled = Array.from({ length }, (_, i) => {
    const actual = 100 + i;
    const last = actual - naiveError;
    const side = i % 2 === 0 ? 1 : -1;
    return {
      target: i + 1,
      actual,
      last,
      forecast: actual + side,
      experts: Float64Array.of(last, actual + side),
      widths: [],
    };
  });
  return { band: { from: 1, to: 1, measured: 1 }, names: ['naive', 'expert'], settled };
}

describe('judge', () => {
  it('serves the choice where it won and naive where it lost, band by band', () => {
    const total = new MetricsTally();
    expect(judge(band(2), 'expert', 1, total).servedBy).toBe('expert');
    const lost = judge(band(0.5), 'expert', 1, total);
    expect(lost.servedBy).toBe('naive');
    expect(lost.metrics).toMatchObject({ skill: 0, mase: 0.5, naive_mase: 0.5, samples: 60 });
    expect(total.samples).toBe(120);
  });

  it('reports accuracy beside its baseline, and coverage only of forecasts that had an interval', () => {
    const { metrics, interval } = judge(band(4), 'expert', 2, new MetricsTally());
    expect(metrics.mase).toBeCloseTo(0.5);
    expect(metrics.naive_mase).toBeCloseTo(2);
    expect(metrics.skill).toBeCloseTo(0.75);
    expect(metrics.accuracy).toBeGreaterThan(metrics.baseline_accuracy as number);
    expect(metrics.coverage).toBe(1);
    expect(interval.scores).toHaveLength(60);
    expect(judge(band(4, 10), 'expert', 2, new MetricsTally()).metrics.coverage).toBeNull();
  });
});

describe('compare', () => {
  it('is the geometric mean over the bands, and null where naive made no error', () => {
    const { expert, naive } = compare([band(2), band(8)], ['naive', 'expert']);
    expect(naive).toBeCloseTo(1);
    expect(expert).toBeCloseTo(0.25);
    expect(compare([band(0)], ['expert'])).toEqual({ expert: null });
  });
});
