import { register } from 'prom-client';
import type { BackendStats, TrafficDelta } from '../../common/traffic.js';
import { LATENCY_BUCKETS } from './latency.js';
import { LiveBackends } from './live-backends.js';
import { TrafficMetrics } from './traffic-metrics.js';

const delta = (poolId: string, backendId: string): TrafficDelta => ({
  tenantId: 'tenant_a',
  routeId: 'route_a',
  poolId,
  backendId,
  requests: 3,
  statusClasses: [0, 2, 0, 0, 1],
  latencyBuckets: Array.from({ length: LATENCY_BUCKETS }, (_, i) => (i === 1 ? 3 : 0)),
  latencySumMs: 6,
  bytesIn: 30,
  bytesOut: 300,
});
const batch = (...traffic: TrafficDelta[]) => ({ traffic, paths: [], samples: [], unknownHostRequests: 2 });
const pool = (name: string) => ({
  id: 'pool_a',
  name,
  backends: [{ id: 'backend_a', host: '192.0.2.1', port: 80 }],
});
const stats = (health: BackendStats['health']): BackendStats => ({
  backendId: 'backend_a',
  health,
  connections: 4,
  responseTimeMs: null,
  lastCheckAt: null,
  lastError: null,
  ejected: false,
});

describe('TrafficMetrics', () => {
  let live: LiveBackends;
  let metrics: TrafficMetrics;
  beforeEach(() => {
    live = new LiveBackends();
    metrics = new TrafficMetrics(live);
    metrics.setTenant('tenant_a', [pool('web')]);
  });

  it('exposes requests by class, the latency histogram and bytes of a pool', async () => {
    metrics.record(batch(delta('pool_a', 'backend_a')));
    const text = await register.metrics();
    const labels = 'tenant="tenant_a",pool="web"';
    expect(text).toContain(`veloflux_pool_requests_total{${labels},status_class="2xx"} 2`);
    expect(text).toContain(`veloflux_pool_requests_total{${labels},status_class="5xx"} 1`);
    expect(text).toContain('# TYPE veloflux_pool_request_duration_seconds histogram');
    expect(text).toContain(`veloflux_pool_request_duration_seconds_bucket{${labels},le="0.001"} 0`);
    expect(text).toContain(`veloflux_pool_request_duration_seconds_bucket{${labels},le="0.0025"} 3`);
    expect(text).toContain(`veloflux_pool_request_duration_seconds_bucket{${labels},le="+Inf"} 3`);
    expect(text).toContain(`veloflux_pool_request_duration_seconds_sum{${labels}} 0.006`);
    expect(text).toContain(`veloflux_pool_bytes_total{${labels},direction="out"} 300`);
    expect(text).toContain('veloflux_unknown_host_requests_total 2');
  });

  it('exposes health and connections of backends, and leaves out health that is unknown', async () => {
    live.set(new Map([['backend_a', stats('unhealthy')]]));
    expect(await register.metrics()).toMatch(/veloflux_backend_up\{.*backend="192\.0\.2\.1:80"\} 0/);
    expect(await register.metrics()).toMatch(/veloflux_backend_connections\{.*\} 4/);
    live.set(new Map([['backend_a', stats('unknown')]]));
    expect(await register.metrics()).not.toContain('veloflux_backend_up{');
  });

  it('drops the series of what is gone, and names them anew after a rename', async () => {
    metrics.record(batch(delta('pool_a', 'backend_a')));
    metrics.setTenant('tenant_a', [pool('renamed')]);
    expect(await register.metrics()).toContain(
      'veloflux_pool_bytes_total{tenant="tenant_a",pool="renamed",direction="in"} 30',
    );
    metrics.setTenant('tenant_a', []);
    expect(await register.metrics()).not.toContain('tenant_a');
  });

  it('keeps the number of series bounded and counts the rest under (other)', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => ({ id: `p${i}`, name: `n${i}`, backends: [] }));
    metrics.setTenant('tenant_b', many);
    metrics.record(batch(...many.map(({ id }) => delta(id, 'backend_b'))));
    const text = await register.metrics();
    expect(text.match(/^veloflux_pool_bytes_total\{.*direction="in"\}/gm)).toHaveLength(2001);
    expect(text).toContain('veloflux_pool_bytes_total{tenant="(other)",pool="(other)",direction="in"} 30000');
  });

  it('gives the place of pools that are gone to others', async () => {
    const pools = (from: number) =>
      Array.from({ length: 2000 }, (_, i) => ({ id: `p${from + i}`, name: `n${from + i}`, backends: [] }));
    for (const from of [0, 2000]) {
      metrics.setTenant('tenant_b', pools(from));
      metrics.record(batch(...pools(from).map(({ id }) => delta(id, 'backend_b'))));
    }
    const text = await register.metrics();
    expect(text).toContain('pool="n3999"');
    expect(text).toContain('veloflux_pool_bytes_total{tenant="(other)",pool="(other)",direction="in"} 0');
  });
});
