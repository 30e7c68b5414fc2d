import { type BackendMinute, factorsFor, measureCapacity } from './capacity.js';

/** `count` minutes with these requests of backends a and b. */
const minutes = (
  from: number,
  count: number,
  a: number,
  b: number,
  latency: number,
  errors = 0,
): BackendMinute[] =>
  Array.from({ length: count }, (_, i) => new Date((from + i) * 60_000)).flatMap((at) => [
    { at, key: 'a', requests: a, errors, latency_avg_ms: latency },
    { at, key: 'b', requests: b, errors: 0, latency_avg_ms: latency },
  ]);
const quiet = minutes(0, 80, 100, 100, 20);
const full = minutes(100, 10, 600, 200, 40);
const both = ['a', 'b'];

describe('measured capacity', () => {
  it('is what each backend carried in full minutes, however quiet ones were spread', () => {
    const capacity = measureCapacity([...quiet, ...full], both);
    expect(capacity?.total).toBe(800);
    expect(Object.fromEntries(capacity!.byBackend)).toEqual({ a: 600, b: 200 });
  });

  it('is not known of a pool that was never seen full', () => {
    expect(measureCapacity(quiet, both)).toBeNull();
    expect(measureCapacity([...quiet, ...minutes(100, 10, 600, 200, 21)], both)).toBeNull();
    expect(measureCapacity([...quiet, ...minutes(100, 4, 600, 200, 40)], both)).toBeNull();
    expect(measureCapacity([...quiet.slice(0, 40), ...full], both)).toBeNull();
  });

  it('does not come from minutes with errors', () => {
    expect(measureCapacity([...quiet, ...minutes(100, 10, 600, 200, 40, 60)], both)).toBeNull();
  });

  it('is not known while a backend in use has carried nothing', () => {
    expect(measureCapacity([...quiet, ...full], [...both, 'new'])).toBeNull();
  });
});

describe('factors on weights', () => {
  const byBackend = new Map([
    ['a', 600],
    ['b', 200],
  ]);
  const factors = (a: number, b: number, of = byBackend) =>
    Object.fromEntries(
      factorsFor({ total: 800, byBackend: of }, [
        { id: 'a', weight: a },
        { id: 'b', weight: b },
      ]),
    );

  it('make weights as capacities are to each other', () => {
    expect(factors(1, 1)).toEqual({ a: 1.5, b: 0.5 });
    expect(factors(100, 300)).toEqual({ a: 3, b: 0.33 });
  });

  it('are none where the weights say the same already', () => {
    expect(factors(300, 100)).toEqual({});
  });

  it('stay between a tenth and ten', () => {
    const steep = new Map([
      ['a', 10_000],
      ['b', 1],
    ]);
    expect(factors(1, 1000, steep)).toEqual({ a: 10, b: 0.1 });
  });
});
