import { seeded } from '../../../../../test/support/balancing.js';
import type { AccessSample, PathDelta } from '../../engine.js';
import { AccessLog, ERROR_RING, SAMPLE_SIZE } from './access-log.js';
import { foldPath, OTHER_PATHS, PathCounters, TOP_PATHS } from './path-counters.js';
import { bucketOf } from './route-counters.js';

describe('paths', () => {
  it.each([
    ['/orders/17/items/3', '/orders/{id}/items/{id}'],
    ['/u/0190c2f4-7a1b-7c3d-8e4f-1234567890ab', '/u/{id}'],
    ['/f/DEADBEEFdeadbeef01', '/f/{id}'],
    ['/v1/users2/a1', '/v1/users2/a1'],
    ['/plain', '/plain'],
  ])('%s counts as %s', (path, folded) => {
    expect(foldPath(path)).toBe(folded);
  });

  it('hands out the top paths and the rest as (other), once', () => {
    const counters = new PathCounters();
    for (let i = 0; i < 3_000; i++) counters.count(`/p${i}x`, i % 2 ? 200 : 500, 1);
    for (let i = 0; i < 50; i++) counters.count('/p7x', 200, 1);
    const deltas: PathDelta[] = [];
    counters.drainInto(deltas, 't1');
    expect(deltas).toHaveLength(TOP_PATHS + 1);
    expect(deltas[0]).toEqual({ tenantId: 't1', path: '/p7x', requests: 51, latencySumMs: 51, errors: 0 });
    expect(deltas.at(-1)?.path).toBe(OTHER_PATHS);
    expect(deltas.reduce((sum, { requests }) => sum + requests, 0)).toBe(3_050);
    expect(deltas.reduce((sum, { errors }) => sum + errors, 0)).toBe(1_500);
    const again: PathDelta[] = [];
    counters.drainInto(again, 't1');
    expect(again).toEqual([]);
  });

  it('cuts long ones', () => {
    expect(foldPath(`/${'a'.repeat(5_000)}`)).toHaveLength(256);
  });
});

describe('the access log', () => {
  const line = (n: number): AccessSample => ({ at: new Date(n), requestId: String(n) }) as AccessSample;

  it('keeps every error as far as the ring goes, and a bounded sample of the rest', () => {
    const log = new AccessLog(seeded(1));
    for (let n = 0; n < 1_000; n++) log.add(n % 2 ? 200 : 502, () => line(n));
    const samples: AccessSample[] = [];
    log.drainInto(samples);
    const errors = samples
      .filter(({ requestId }) => Number(requestId) % 2 === 0)
      .map(({ requestId }) => Number(requestId));
    expect(errors).toHaveLength(ERROR_RING);
    expect(Math.min(...errors)).toBe(1_000 - 2 * ERROR_RING);
    expect(samples).toHaveLength(ERROR_RING + SAMPLE_SIZE);
    expect(samples.map(({ at }) => at.getTime())).toEqual(
      [...samples.map(({ at }) => at.getTime())].sort((a, b) => a - b),
    );
  });

  it('the sample is uniform: late requests are as likely as early ones', () => {
    let late = 0;
    for (let seed = 0; seed < 100; seed++) {
      const log = new AccessLog(seeded(seed));
      for (let n = 0; n < 500; n++) log.add(200, () => line(n));
      const samples: AccessSample[] = [];
      log.drainInto(samples);
      late += samples.filter(({ requestId }) => Number(requestId) >= 250).length;
    }
    expect(late / (100 * SAMPLE_SIZE)).toBeCloseTo(0.5, 1);
  });
});

describe('latency buckets', () => {
  it.each([
    [0, 0],
    [1, 0],
    [1.1, 1],
    [250, 7],
    [30_000, 13],
    [30_001, 14],
  ])('%d ms falls into bucket %d', (latency, bucket) => {
    expect(bucketOf(latency)).toBe(bucket);
  });
});
