import { Random } from '../numeric/random.js';
import type { AnomalyFinding } from './detector.js';
import { ResidualDetector } from './residual.js';

const STEP = 60_000;

function run(values: number[], detector = new ResidualDetector()): AnomalyFinding[] {
  return values.map((value, i) => detector.update(i * STEP, value));
}

function noisy(length: number, change: (i: number) => number = () => 0): number[] {
  const random = new Random(8);
  return Array.from({ length }, (_, i) => 100 + 10 * Math.sin(i / 40) + 2 * random.normal() + change(i));
}

const found = (findings: AnomalyFinding[]) =>
  findings.filter(({ anomaly }) => anomaly).map(({ timestamp }) => timestamp / STEP);

describe('ResidualDetector', () => {
  it('finds a shift of the level within a few values, once', () => {
    const [first, ...others] = found(run(noisy(1500, (i) => (i >= 1000 && i < 1050 ? 60 : 0))));
    expect(first).toBeGreaterThanOrEqual(1000);
    expect(first).toBeLessThan(1005);
    expect(others).toEqual([]);
  });

  it('finds next to nothing in a series that is only noisy', () => {
    expect(found(run(noisy(6000))).length).toBeLessThanOrEqual(2);
  });

  it('finds the first value after a long flat stretch, without dividing by zero', () => {
    const values = new Array(800).fill(5);
    values[700] = 50;
    const findings = run(values);
    expect(found(findings)).toEqual([700]);
    expect(findings.every(({ score }) => score >= 0 && score <= 1)).toBe(true);
    expect(found(run(new Array(800).fill(0)))).toEqual([]);
  });

  it('takes a ripple on a flat series for nothing', () => {
    const values = new Array(800).fill(5);
    values[700] = 5.01;
    expect(found(run(values))).toEqual([]);
  });

  it('expects ranges that hold most ordinary values and not the odd one', () => {
    const findings = run(noisy(2000, (i) => (i === 1800 ? 80 : 0))).slice(300);
    const inside = findings.filter(
      ({ expected, value }) => expected && value >= expected.lower && value <= expected.upper,
    );
    expect(inside.length / findings.length).toBeGreaterThan(0.95);
    const odd = findings[1500];
    expect(odd.value).toBeGreaterThan(odd.expected?.upper ?? Number.POSITIVE_INFINITY);
  });

  it('says nothing during the warm-up and ignores what is not a number', () => {
    const detector = new ResidualDetector({ warmUp: 50 });
    expect(
      run(
        noisy(49, (i) => (i === 40 ? 1000 : 0)),
        detector,
      ).every(({ score }) => score === 0),
    ).toBe(true);
    const before = detector.state();
    expect(detector.update(0, Number.NaN)).toMatchObject({ score: 0, anomaly: false, expected: null });
    expect(detector.state()).toEqual(before);
  });

  it('goes on from its stored state as if it had never stopped', () => {
    const values = noisy(900, (i) => (i > 800 ? 50 : 0));
    const whole = run(values).slice(600);
    const first = new ResidualDetector();
    run(values.slice(0, 600), first);
    const second = new ResidualDetector({}, JSON.parse(JSON.stringify(first.state())));
    expect(values.slice(600).map((value, i) => second.update((600 + i) * STEP, value))).toEqual(whole);
  });
});
