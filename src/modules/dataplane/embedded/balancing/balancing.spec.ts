import { candidate, candidates, seeded } from '../../../../../test/support/balancing.js';
import type { Balancer, Candidate, PickRequest } from './balancer.js';
import { ClientHash } from './client-hash.js';
import { Ewma, PeakEwma } from './ewma.js';
import { LeastConnections } from './least-connections.js';
import { LeastResponseTime } from './least-response-time.js';
import { RoundRobin } from './round-robin.js';
import { SmoothWeightedRoundRobin } from './smooth-weighted-round-robin.js';
import { WeightedRandom } from './weighted-random.js';

const at = (now = 0, clientAddress = '192.0.2.1'): PickRequest => ({ now, clientAddress });

const picks = (balancer: Balancer, from: readonly Candidate[], count: number): string[] =>
  Array.from({ length: count }, () => balancer.pick(from, at()).id);

const tally = (ids: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
};

describe('round robin', () => {
  it('takes each in turn, weights disregarded, also after one is gone', () => {
    const balancer = new RoundRobin();
    const all = candidates(5, 1, 1);
    expect(picks(balancer, all, 5).join('')).toBe('abcab');
    expect(picks(balancer, all.slice(0, 2), 3).join('')).toBe('aba');
  });
});

describe('smooth weighted round robin', () => {
  it('gives the order that nginx gives for 5:1:1', () => {
    expect(picks(new SmoothWeightedRoundRobin(), candidates(5, 1, 1), 14).join('')).toBe('aabacaaaabacaa');
  });

  it('keeps the exact shares in every full turn', () => {
    const counts = tally(picks(new SmoothWeightedRoundRobin(), candidates(300, 100, 50), 450));
    expect(counts).toEqual({ a: 300, b: 100, c: 50 });
  });
});

describe('weighted random', () => {
  it('chooses with probabilities proportional to the weights', () => {
    const counts = tally(picks(new WeightedRandom(seeded(1)), candidates(6, 3, 1), 10_000));
    expect(counts.a / 10_000).toBeCloseTo(0.6, 1);
    expect(counts.b / 10_000).toBeCloseTo(0.3, 1);
    expect(counts.c / 10_000).toBeCloseTo(0.1, 1);
  });
});

describe('least connections', () => {
  it('chooses the fewest requests in flight relative to the weight', () => {
    const all = candidates(1, 2, 1);
    all[0].load.inFlight = 2;
    all[1].load.inFlight = 3;
    all[2].load.inFlight = 3;
    expect(picks(new LeastConnections(seeded(1)), all, 5)).toEqual(Array(5).fill('b'));
  });

  it('shares idle backends among all', () => {
    const counts = tally(picks(new LeastConnections(seeded(1)), candidates(1, 1, 1), 300));
    for (const id of ['a', 'b', 'c']) expect(counts[id]).toBeGreaterThan(70);
  });

  it('takes the better of two different random ones among many, never the worst', () => {
    const all = Array.from({ length: 40 }, (_, i) => candidate(`b${i}`));
    all.forEach((backend, i) => {
      backend.load.inFlight = i;
    });
    const counts = tally(picks(new LeastConnections(seeded(3)), all, 20_000));
    expect(counts.b39).toBeUndefined();
    expect(counts.b0 / 20_000).toBeCloseTo(2 / 40, 1);
  });
});

describe('client hash', () => {
  const clients = Array.from({ length: 20_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  const assign = (all: readonly Candidate[]): string[] =>
    clients.map((client) => new ClientHash().pick(all, at(0, client)).id);

  it('sends a client to the same backend always, and clients evenly', () => {
    const all = Array.from({ length: 10 }, (_, i) => candidate(`backend-${i}`));
    expect(assign(all)).toEqual(assign([...all].reverse()));
    for (const count of Object.values(tally(assign(all)))) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });

  it('moves only the clients of a removed backend: a tenth of ten', () => {
    const all = Array.from({ length: 10 }, (_, i) => candidate(`backend-${i}`));
    const before = assign(all);
    const after = assign(all.filter((_, i) => i !== 4));
    const moved = clients.filter((_, i) => before[i] !== after[i]);
    expect(moved.length).toBe(before.filter((id) => id === 'backend-4').length);
    expect(moved.length / clients.length).toBeCloseTo(0.1, 1);
  });

  it('gives shares by weight, and a changed weight moves only what it must', () => {
    const before = assign(['a', 'b', 'c'].map((id) => candidate(id, 100)));
    const after = assign(['a', 'b', 'c'].map((id) => candidate(id, id === 'a' ? 200 : 100)));
    const counts = tally(after);
    expect(counts.a / clients.length).toBeCloseTo(0.5, 1);
    const moved = after.filter((id, i) => id !== before[i]);
    expect(new Set(moved)).toEqual(new Set(['a']));
  });
});

describe('EWMA', () => {
  it('gives a sample the weight 1 − e^(−Δt/τ)', () => {
    const ewma = new Ewma(1_000);
    ewma.add(100, 0);
    ewma.add(0, 1_000);
    expect(ewma.value).toBeCloseTo(100 / Math.E, 6);
    ewma.add(50, 1_000);
    expect(ewma.value).toBeCloseTo(100 / Math.E, 6);
  });

  it('peak: rises at once, falls slowly', () => {
    const peak = new PeakEwma(1_000);
    peak.add(10, 0);
    peak.add(500, 1);
    expect(peak.value).toBe(500);
    peak.add(10, 1_001);
    expect(peak.value).toBeCloseTo(10 + 490 / Math.E, 6);
  });
});

describe('least response time', () => {
  it('chooses the lowest peak EWMA × (in flight + 1) / weight', () => {
    const balancer = new LeastResponseTime(seeded(1));
    const all = candidates(1, 1, 1);
    balancer.onResponse(all[0], 10, 0);
    balancer.onResponse(all[1], 20, 0);
    balancer.onResponse(all[2], 30, 0);
    expect(balancer.pick(all).id).toBe('a');
    all[0].load.inFlight = 2;
    expect(balancer.pick(all).id).toBe('b');
  });

  it('tries an unmeasured backend first, but waits for its first answer', () => {
    const balancer = new LeastResponseTime(seeded(1));
    const all = candidates(1, 1);
    balancer.onResponse(all[0], 10, 0);
    expect(balancer.pick(all).id).toBe('b');
    all[1].load.inFlight = 1;
    expect(balancer.pick(all).id).toBe('a');
  });

  it('a backend that fails fast does not look fast', () => {
    const balancer = new LeastResponseTime(seeded(1));
    const all = candidates(1, 1);
    balancer.onResponse(all[0], 50, 0);
    balancer.onFailure(all[1], 2, 0);
    expect(balancer.pick(all).id).toBe('a');
  });
});
