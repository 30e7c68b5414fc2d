import { COUNTS, LATENCIES } from '../../../../test/support/real-series.js';
import { FACTS, type Metric, messageOf, severityOf } from './metrics.js';
import { type Finding, WatchedSeries } from './watched-series.js';

const MINUTE = 60_000;

/** Runs a series through, going on from stored JSON at every minute when asked. */
function watch(metric: Metric, values: readonly number[], restart = false) {
  let n = 0;
  const newId = () => `anomaly_${n++}`;
  let series = new WatchedSeries(newId);
  const found: Finding[] = [];
  const ended: [string, number][] = [];
  const followed: string[] = [];
  values.forEach((value, minute) => {
    const verdict = series.update(minute * MINUTE, value, FACTS[metric].noise(value, 1000));
    if (verdict.finding) found.push(verdict.finding);
    if (verdict.ended) ended.push([verdict.ended, minute]);
    if (verdict.followed) followed.push(verdict.followed);
    if (restart) series = new WatchedSeries(newId, JSON.parse(JSON.stringify(series.state())));
  });
  return { found, ended, followed, lasting: series.lasting };
}

/** The series with minutes 150 to `to` changed. */
const planted = (values: readonly number[], to: number, change: (value: number) => number) =>
  values.map((value, i) => (i >= 150 && i < to ? change(value) : value));

/**
 * Milliseconds by the minute, measured at our own proxy: the program was killed in minute 48 and started again, and all
 * backends took 80 ms instead of 5 from minute 64 on.
 */
const SLOWED = [
  6.6, 8.2, 7.3, 7.9, 6.7, 6.2, 5.7, 6.3, 6.6, 6.8, 7.5, 7.4, 7.0, 6.9, 7.4, 6.7, 7.2, 7.1, 6.4, 7.0, 7.2,
  6.6, 6.6, 8.6, 7.2, 7.2, 6.8, 6.5, 9.1, 7.9, 7.2, 8.6, 7.3, 7.4, 7.0, 7.4, 7.4, 8.4, 9.1, 6.6, 7.8, 6.9,
  7.4, 7.6, 6.9, 10.9, 7.6, 7.3, 20.5, 7.4, 7.5, 9.1, 7.8, 9.9, 8.6, 7.8, 8.0, 8.0, 8.4, 7.4, 7.9, 6.5, 6.7,
  7.1, 66.9, 82.1, 82.0, 82.1, 81.4, 81.5,
];

describe('a watched series', () => {
  it.each([
    ['requests', COUNTS],
    ['latency', LATENCIES],
  ] as const)('of ordinary real %s has no finding', (metric, values) => {
    expect(watch(metric, values).found).toEqual([]);
  });

  it('finds a tenfold latency soon after the first hour, though there was a blip in it', () => {
    const { found } = watch('latency', SLOWED);
    expect(found.map(({ at }) => at / MINUTE)).toEqual([65]);
    expect(found[0]!.score).toBeGreaterThan(0.8);
  });

  it.each([
    ['a spike of a minute', 'requests', planted(COUNTS, 151, (v) => 10 * v + 300), 150],
    [
      'a drop to nothing for 20 minutes',
      'requests',
      planted(
        COUNTS.map((v) => 500 + v),
        170,
        () => 0,
      ),
      150,
    ],
    ['a threefold latency for half an hour', 'latency', planted(LATENCIES, 180, (v) => 3 * v), 150],
  ] as const)('finds %s once, and its end', (_, metric, values, at) => {
    const { found, ended, lasting } = watch(metric, values);
    expect(found).toHaveLength(1);
    const [{ id, at: minute, value, lower, upper, score, around }] = found as [Finding];
    expect(minute / MINUTE).toBeGreaterThanOrEqual(at);
    expect(minute / MINUTE).toBeLessThanOrEqual(at + 2);
    expect(value < lower || value > upper).toBe(true);
    expect(score).toBeGreaterThanOrEqual(0.5);
    expect(around).toContainEqual([minute, value]);
    expect(around.filter(([t]) => t <= minute)).toHaveLength(31);
    expect(ended.map(([whose]) => whose)).toEqual([id]);
    expect(lasting).toBeNull();
  });

  it('finds what gets worse in the middle of it once more', () => {
    const long = [...LATENCIES, ...LATENCIES];
    const values = long.map((v, i) => (i < 300 ? v : i < 370 ? 3 * v : 30 * v));
    const { found, ended } = watch('latency', values);
    expect(found.map(({ at }) => Math.floor(at / MINUTE / 10))).toEqual([30, 37]);
    expect(ended[0]![0]).toBe(found[0]!.id);
  });

  it('says after two hours that this is how things are now', () => {
    const values = [...LATENCIES, ...LATENCIES].map((v, i) => (i < 200 ? v : 3 * v));
    const { found, ended } = watch('latency', values);
    expect(found).toHaveLength(1);
    expect(ended).toEqual([[found[0]!.id, found[0]!.at / MINUTE + 120]]);
  });

  it('names the minutes that belong to a finding, 15 of them', () => {
    const { found, followed } = watch(
      'latency',
      planted(LATENCIES, 180, (v) => 3 * v),
    );
    const early = found[0]!.around.filter(([at]) => at > found[0]!.at).length;
    expect(followed).toEqual(new Array(15 - early).fill(found[0]!.id));
  });

  it('goes on from its stored state as if it had never stopped', () => {
    const values = planted(LATENCIES, 180, (v) => 3 * v);
    expect(watch('latency', values, true)).toEqual(watch('latency', values));
  });

  it('finds nothing in one failed request of many where none failed before', () => {
    const rare = Array.from({ length: 240 }, (_, i) => (i === 150 ? 0.001 : 0));
    const many = rare.map((v, i) => (i === 200 ? 0.4 : v));
    expect(watch('errors', rare).found).toEqual([]);
    expect(watch('errors', many).found).toHaveLength(1);
  });

  it('begins to find things after an hour', () => {
    expect(watch('latency', planted(LATENCIES.slice(0, 55), 55, (v) => v).concat([5000])).found).toEqual([]);
  });
});

describe('what is said of a finding', () => {
  it('warns of what is bad only', () => {
    expect(severityOf('latency', 100, 50)).toBe('WARNING');
    expect(severityOf('latency', 10, 50)).toBe('INFO');
    expect(severityOf('requests', 0, 500)).toBe('WARNING');
    expect(severityOf('requests', 5000, 500)).toBe('INFO');
  });

  it('has figures that people can read', () => {
    expect(messageOf('latency', "pool 'web'", 212.44, { lower: 40.61, upper: 55.62 })).toBe(
      "Latency of pool 'web': 212 ms, 40.6 to 55.6 ms was expected",
    );
  });
});
