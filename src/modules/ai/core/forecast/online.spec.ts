import { Random } from '../numeric/random.js';
import { AdaptiveInterval, LEVELS } from './interval.js';
import { Mixture } from './mixture.js';
import { Trust } from './trust.js';

describe('Mixture', () => {
  it('finds the good expert among bad ones', () => {
    const random = new Random(1);
    const mixture = new Mixture(3, 100);
    for (let i = 0; i < 300; i++) {
      const actual = random.normal();
      mixture.update(Float64Array.of(actual + 0.01 * random.normal(), random.normal(), 5), actual);
    }
    expect(mixture.weights()[0]).toBeGreaterThan(0.9);
  });

  it('beats the best of two experts that err in opposite directions', () => {
    const random = new Random(2);
    const mixture = new Mixture(2, 200);
    let mixed = 0;
    for (let i = 0; i < 500; i++) {
      const actual = random.normal();
      const forecasts = Float64Array.of(actual + 1, actual - 3);
      if (i >= 100) mixed += Math.abs(mixture.combine(forecasts) - actual) / 400;
      mixture.update(forecasts, actual);
    }
    expect(mixed).toBeLessThan(0.7);
  });

  it('follows a change of the best expert', () => {
    const mixture = new Mixture(2, 50);
    for (let i = 0; i < 600; i++) {
      const actual = Math.sin(i);
      mixture.update(i < 300 ? Float64Array.of(actual, 3) : Float64Array.of(3, actual), actual);
    }
    expect(mixture.weights()[1]).toBeGreaterThan(0.8);
  });

  it('goes on from its stored state', () => {
    const mixture = new Mixture(2, 50);
    for (let i = 0; i < 50; i++) mixture.update(Float64Array.of(Math.sin(i), 1), Math.sin(i) + 0.1);
    const restored = new Mixture(2, 50, JSON.parse(JSON.stringify(mixture.state())));
    expect(restored.weights()).toEqual(mixture.weights());
  });
});

describe('Trust', () => {
  const learn = (trust: Trust, actualOf: (change: number, noise: number) => number) => {
    const random = new Random(3);
    for (let i = 0; i < 400; i++) {
      const change = random.normal();
      trust.update(change, actualOf(change, random.normal()));
    }
    return trust.share;
  };

  it('believes all of a change before it knows, and of one that comes', () => {
    expect(new Trust(100).share).toBe(1);
    expect(learn(new Trust(100), (change, noise) => change + 0.3 * noise)).toBe(1);
  });

  it('believes nothing where changes are noise, and half where they come half', () => {
    expect(learn(new Trust(100), (_, noise) => noise)).toBe(0);
    expect(learn(new Trust(100), (change, noise) => 0.5 * change + 0.1 * noise)).toBe(0.5);
  });

  it('goes on from its stored state', () => {
    const trust = new Trust(100);
    learn(trust, (_, noise) => noise);
    expect(new Trust(100, JSON.parse(JSON.stringify(trust.state()))).share).toBe(0);
  });
});

describe('AdaptiveInterval', () => {
  function coverage(errorAt: (i: number) => number, length: number): number[] {
    const interval = new AdaptiveInterval();
    const inside = LEVELS.map(() => 0);
    for (let i = 0; i < length; i++) {
      const error = errorAt(i);
      const widths = interval.known ? interval.widths() : [];
      widths.forEach((width, k) => {
        if (Math.abs(error) <= width) inside[k]++;
      });
      interval.update(error, interval.currentScale, widths);
    }
    return inside.map((count) => count / (length - 20));
  }

  it('holds its coverage while the size of the errors changes tenfold', () => {
    const random = new Random(3);
    const held = coverage((i) => (Math.floor(i / 400) % 2 === 0 ? 1 : 10) * random.normal(), 4000);
    expect(held[LEVELS.indexOf(0.9)]).toBeGreaterThan(0.88);
    expect(held[LEVELS.indexOf(0.9)]).toBeLessThan(0.92);
    expect(held[LEVELS.indexOf(0.5)]).toBeCloseTo(0.5, 1);
  });

  it('holds it for errors with rare bursts', () => {
    const random = new Random(4);
    const held = coverage(() => random.normal() * (random.next() < 0.03 ? 200 : 1), 4000);
    expect(held[LEVELS.indexOf(0.9)]).toBeGreaterThan(0.88);
    expect(held[LEVELS.indexOf(0.9)]).toBeLessThan(0.92);
  });

  it('aims wider after a miss and narrower after a hit', () => {
    const interval = new AdaptiveInterval();
    for (let i = 0; i < 30; i++) interval.update(1, 1, []);
    const [, , before] = interval.state().miss;
    interval.update(100, 1, interval.widths());
    const [, , missed] = interval.state().miss;
    interval.update(0, 1, interval.widths());
    const [, , hit] = interval.state().miss;
    expect(missed).toBeLessThan(before);
    expect(hit).toBeGreaterThan(missed);
  });

  it('is wider for a higher confidence', () => {
    const random = new Random(5);
    const interval = new AdaptiveInterval();
    for (let i = 0; i < 300; i++) interval.update(random.normal(), interval.currentScale, interval.widths());
    const widths = [0.3, 0.5, 0.7, 0.9, 0.97, 0.995].map((level) => interval.halfWidth(level));
    expect([...widths].sort((a, b) => a - b)).toEqual(widths);
  });
});
