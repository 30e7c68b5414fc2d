import { backendOf, poolOf } from '../contract/support.js';
import { type BackendSample, MeasuredWeights } from './weights.js';

const pool = poolOf([backendOf(1), backendOf(2), backendOf(3)], { algorithm: 'least_response_time' });
const answered = (milliseconds: number, count = 100): BackendSample => ({
  answered: count,
  responseTimeSumMs: milliseconds * count,
  failed: 0,
  inFlight: 1,
});
const idle: BackendSample = { answered: 0, responseTimeSumMs: 0, failed: 0, inFlight: 0 };

function settle(samples: Record<string, BackendSample>, steps = 40): number[] {
  const weights = new MeasuredWeights();
  for (let i = 0; i < steps; i++) weights.step(pool, (id) => samples[id], 5000);
  return pool.backends.map(({ id }) => weights.weight(id) ?? 0);
}

describe('measured weights', () => {
  it('without a measurement there is none', () => {
    const weights = new MeasuredWeights();
    expect(weights.step(pool, () => idle, 5000)).toBe(false);
    expect(weights.weight('backend_1')).toBeUndefined();
  });

  it('they go towards the inverse of the response time', () => {
    const [a, b, c] = settle({ backend_1: answered(10), backend_2: answered(20), backend_3: answered(40) });
    expect(a / b).toBeCloseTo(2, 0);
    expect(b / c).toBeCloseTo(2, 0);
  });

  it('one step goes a part of the way', () => {
    const [a, , c] = settle(
      { backend_1: answered(1), backend_2: answered(100), backend_3: answered(100) },
      1,
    );
    expect(a).toBeLessThan(256);
    expect(c).toBeGreaterThan(60);
  });

  it('a backend that fails fast does not look fast', () => {
    const failing: BackendSample = { answered: 0, responseTimeSumMs: 0, failed: 500, inFlight: 1 };
    const [a, b, c] = settle({ backend_1: failing, backend_2: answered(50), backend_3: answered(50) });
    expect(a).toBeLessThan(b / 8);
    expect(b).toBe(c);
  });

  it('a backend that holds requests and answers none is slow', () => {
    const [a, b] = settle({
      backend_1: { ...idle, inFlight: 4 },
      backend_2: answered(50),
      backend_3: answered(50),
    });
    expect(a).toBeLessThan(b / 8);
  });

  it('an idle backend returns to the middle of the pool', () => {
    const weights = new MeasuredWeights();
    const slow = { backend_1: answered(500), backend_2: answered(50), backend_3: answered(50) };
    for (let i = 0; i < 40; i++) weights.step(pool, (id) => slow[id as keyof typeof slow], 5000);
    const low = weights.weight('backend_1')!;
    for (let i = 0; i < 40; i++) weights.step(pool, (id) => (id === 'backend_1' ? idle : answered(50)), 5000);
    expect(weights.weight('backend_1')).toBeGreaterThan(3 * low);
  });

  it('configured weights count', () => {
    const weighted = { ...pool, backends: [backendOf(1, { weight: 300 }), backendOf(2), backendOf(3)] };
    const weights = new MeasuredWeights();
    for (let i = 0; i < 40; i++) weights.step(weighted, () => answered(20), 5000);
    expect(weights.weight('backend_1')! / weights.weight('backend_2')!).toBeCloseTo(3, 0);
  });

  it('steady figures cost no commands', () => {
    const weights = new MeasuredWeights();
    for (let i = 0; i < 40; i++) weights.step(pool, () => answered(20), 5000);
    expect(weights.step(pool, () => answered(20), 5000)).toBe(false);
  });

  it('backends that are gone are forgotten', () => {
    const weights = new MeasuredWeights();
    weights.step(pool, () => answered(20), 5000);
    weights.keep((id) => id === 'backend_1');
    expect([weights.weight('backend_1'), weights.weight('backend_2')]).toEqual([128, undefined]);
  });
});
