import { candidate, candidates, seeded } from '../../../../../test/support/balancing.js';
import { Adaptive } from './adaptive.js';
import type { PickRequest } from './balancer.js';

const at = (now: number): PickRequest => ({ now, clientAddress: '192.0.2.1' });
/** Never explores, and scans from the first. */
const plain = (): number => 0.5;

/** One backend of the simulation: what a request costs there, ms, and whether it fails. */
type Behaviour = (now: number) => { ms: number; fails: boolean };

interface Outcome {
  readonly counts: number[];
  readonly errors: number;
  readonly meanMs: number;
}

/** Requests at a fixed rate against backends without queues, on a clock of its own. */
function simulate(behaviours: Behaviour[], seconds: number, perSecond: number, seed = 7, from = 0): Outcome {
  const random = seeded(seed);
  const balancer = new Adaptive(random);
  const all = behaviours.map((_, i) => candidate(String(i)));
  const counts = behaviours.map(() => 0);
  const under: { end: number; i: number; ms: number; fails: boolean }[] = [];
  let errors = 0;
  let total = 0;
  const finish = (now: number): void => {
    under.sort((a, b) => a.end - b.end);
    while (under.length > 0 && under[0].end <= now) {
      const { end, i, ms, fails } = under.shift()!;
      all[i].load.inFlight--;
      if (fails) balancer.onFailure(all[i], ms, end);
      else balancer.onResponse(all[i], ms, end);
    }
  };
  for (let n = 0; n < seconds * perSecond; n++) {
    const now = (n * 1_000) / perSecond;
    finish(now);
    const chosen = balancer.pick(all, at(now));
    const i = Number(chosen.id);
    const { ms, fails } = behaviours[i](now);
    const jittered = ms * (0.5 + random());
    chosen.load.inFlight++;
    balancer.onStart(chosen, now);
    under.push({ end: now + jittered, i, ms: jittered, fails });
    if (now < from) continue;
    counts[i]++;
    total += jittered;
    if (fails) errors++;
  }
  return { counts, errors, meanMs: total / counts.reduce((a, b) => a + b) };
}

const steady =
  (ms: number): Behaviour =>
  () => ({ ms, fails: false });

describe('adaptive', () => {
  it('chooses the lowest latency × (in flight + 1), by weight', () => {
    const balancer = new Adaptive(plain);
    const all = candidates(1, 1, 4);
    balancer.onResponse(all[0], 10, 0);
    balancer.onResponse(all[1], 12, 0);
    balancer.onResponse(all[2], 60, 0);
    expect(balancer.pick(all, at(1)).id).toBe('a');
    all[0].load.inFlight = 1;
    expect(balancer.pick(all, at(1)).id).toBe('b');
    all[1].load.inFlight = 1;
    expect(balancer.pick(all, at(1)).id).toBe('c');
  });

  it('an estimate without samples drifts to the median of the pool', () => {
    const balancer = new Adaptive(plain);
    const all = candidates(1, 1, 1);
    balancer.onResponse(all[0], 1_000, 0);
    const keep = (now: number, inFlight: number): string => {
      balancer.onResponse(all[1], 10, now);
      balancer.onResponse(all[2], 10, now);
      all[1].load.inFlight = inFlight;
      all[2].load.inFlight = inFlight;
      return balancer.pick(all, at(now)).id;
    };
    expect(keep(100, 3)).not.toBe('a');
    expect(keep(40_000, 3)).toBe('a');
  });

  it('a new backend gets a tenth at first and its full share after ten seconds', () => {
    const balancer = new Adaptive(plain);
    const old = candidate('old');
    const fresh = candidate('fresh', 1, 1_000);
    for (const backend of [old, fresh]) balancer.onResponse(backend, 10, 1_000);
    const inFlightUntilFresh = (now: number): number => {
      for (old.load.inFlight = 0; old.load.inFlight < 100; old.load.inFlight++) {
        if (balancer.pick([old, fresh], at(now)).id === 'fresh') return old.load.inFlight;
      }
      return 100;
    };
    expect(inFlightUntilFresh(1_001)).toBeGreaterThanOrEqual(9);
    expect(inFlightUntilFresh(6_000)).toBeLessThanOrEqual(2);
    expect(inFlightUntilFresh(12_000)).toBeLessThanOrEqual(1);
  });

  it('looks at a backend that nobody chose for a while, but not at one that was failing', () => {
    const explores = (): number => 0.01;
    const balancer = new Adaptive(explores);
    const all = candidates(1, 1);
    balancer.onStart(all[0], 6_000);
    balancer.onResponse(all[0], 1, 6_000);
    balancer.onStart(all[1], 0);
    balancer.onResponse(all[1], 500, 500);
    expect(balancer.pick(all, at(6_000)).id).toBe('b');
    balancer.onFailure(all[1], 2, 600);
    expect(balancer.pick(all, at(6_000)).id).toBe('a');
  });

  it('a backend that fails in 2 ms attracts no traffic: at most 0.1 % errors', () => {
    const failing: Behaviour = () => ({ ms: 2, fails: true });
    const { errors } = simulate([failing, ...Array.from({ length: 9 }, () => steady(20))], 60, 500);

    expect(errors / 30_000).toBeLessThanOrEqual(0.001);
  });

  it('a backend that begins to fail fast under load costs at most 0.1 % from then on', () => {
    const breaking: Behaviour = (now) => (now < 20_000 ? { ms: 20, fails: false } : { ms: 2, fails: true });
    const { errors } = simulate(
      [breaking, ...Array.from({ length: 9 }, () => steady(20))],
      80,
      500,
      7,
      20_000,
    );

    expect(errors / 30_000).toBeLessThanOrEqual(0.001);
  });

  it('under load one failure is an accident, two in a row are an outage', () => {
    const balancer = new Adaptive(plain);
    const all = candidates(1, 1);
    for (const backend of all) balancer.onResponse(backend, 20, 0);
    balancer.onFailure(all[0], 2, 1);
    all[1].load.inFlight = 20;
    expect(balancer.pick(all, at(1)).id).toBe('a');
    balancer.onFailure(all[0], 2, 2);
    expect(balancer.pick(all, at(2)).id).toBe('b');
  });

  it('a backend that fails a fifth of the time gets little', () => {
    const random = seeded(3);
    const flaky: Behaviour = () => ({ ms: 5, fails: random() < 0.2 });
    const { counts } = simulate([flaky, steady(20), steady(20)], 60, 300);
    expect(counts[0] / 18_000).toBeLessThan(0.05);
  });

  it('a backend that recovers is used again within two minutes', () => {
    const recovering: Behaviour = (now) => (now < 10_000 ? { ms: 2, fails: true } : { ms: 10, fails: false });
    const { counts } = simulate([recovering, steady(20), steady(20)], 180, 200, 7, 150_000);
    expect(counts[0] / 6_000).toBeGreaterThan(0.3);
  });

  it('sends more to faster backends and follows one that slows down', () => {
    const slowing: Behaviour = (now) => ({ ms: now < 20_000 ? 10 : 200, fails: false });
    const before = simulate([slowing, steady(40)], 20, 200);
    expect(before.counts[0]).toBeGreaterThan(before.counts[1]);
    const after = simulate([slowing, steady(40)], 40, 200, 7, 25_000);
    expect(after.counts[0]).toBeLessThan(after.counts[1]);
  });

  it('samples a large pool instead of scanning it', () => {
    const balancer = new Adaptive(seeded(5));
    const all = Array.from({ length: 500 }, (_, i) => candidate(String(i)));
    all.forEach((backend, i) => {
      balancer.onResponse(backend, i < 250 ? 10 : 1_000, 0);
    });
    const slow = Array.from({ length: 1_000 }, () => balancer.pick(all, at(1))).filter(
      ({ id }) => Number(id) >= 250,
    );
    expect(slow.length).toBeLessThan(5);
  });
});
