import { ALGORITHMS } from '../../../common/load-balancing.js';
import type { AccessLine } from '../../telemetry/index.js';
import { compareAlgorithms } from '../core/index.js';
import { basisOf } from './comparison.service.js';
import { ENGINE_BALANCERS } from './engine-balancers.js';
import { recordedTraffic } from './recorded-traffic.js';

const line = (i: number, backendId: string, latencyMs: number, status = 200): AccessLine => ({
  at: new Date(1_000_000_000_000 + i * 20),
  routeId: null,
  poolId: 'pool',
  backendId,
  method: 'GET',
  path: '/',
  status,
  latencyMs,
  clientAddress: null,
  requestId: null,
});
const backends = [
  { id: 'fast', weight: 1 },
  { id: 'slow', weight: 1 },
];

/** Even and odd requests take turns; the slow backend takes ten times as long. */
const lines = (count: number): AccessLine[] =>
  Array.from({ length: count }, (_, i) =>
    line(i, i % 2 ? 'slow' : 'fast', (i % 2 ? 100 : 10) * (0.8 + (i % 5) / 10)),
  );

describe('algorithm comparison', () => {
  it('replays the log through every algorithm of the engine and prefers one that sees the slow backend', async () => {
    const result = await compareAlgorithms(
      recordedTraffic(lines(1000), backends, new Map()),
      ENGINE_BALANCERS,
    );
    expect(result.algorithms.map((a) => a.algorithm)).toEqual([...ALGORITHMS]);
    const p50 = (name: string) => result.algorithms.find((a) => a.algorithm === name)!.p50_ms!;
    expect(p50('least_response_time')).toBeLessThan(p50('round_robin'));
    expect(['least_response_time', 'adaptive_ai']).toContain(result.recommended_algorithm);
    expect(basisOf(result, 'round_robin')).toMatch(/^observational: .* chosen by round_robin/);
  });

  it('shows no figure without traffic nor with a backend seen too rarely', async () => {
    const empty = await compareAlgorithms(recordedTraffic([], [], new Map()), ENGINE_BALANCERS);
    expect(basisOf(empty, null)).toBe('no recorded traffic');
    const few = await compareAlgorithms(recordedTraffic(lines(398), backends, new Map()), ENGINE_BALANCERS);
    expect(few.algorithms.every((a) => a.p99_ms === null && a.error_rate === null)).toBe(true);
    expect(basisOf(few, 'random')).toContain('199 of the least seen backend, 200 are needed');
  });

  it('thins the errors, all of which are logged, to their true share', () => {
    const good = Array.from({ length: 90 }, (_, i) => line(i, 'fast', 10));
    const bad = Array.from({ length: 200 }, (_, i) => line(i, 'fast', 10, 502));
    const carried = new Map([['fast', { requests: 10_000, errors: 1000 }]]);
    const { requests, recordedShare } = recordedTraffic([...good, ...bad], [backends[0]!], carried);
    expect(requests.filter((r) => r.error)).toHaveLength(10);
    expect(recordedShare).toBeCloseTo(0.01);
  });
});
