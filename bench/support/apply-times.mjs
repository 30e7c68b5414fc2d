// Time of apply() for many pools, of a change of one tenant, and what that does to the event loop.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const [dist, upstreamPort] = process.argv.slice(2);
const { EmbeddedEngine } = await import(`${dist}/src/modules/dataplane/embedded/embedded-engine.js`);
const TENANTS = 100, POOLS = 10, BACKENDS = 10;
const healthCheck = { enabled: true, path: '/health', intervalMs: 10_000, timeoutMs: 2_000, expectedStatus: 200, rise: 2, fall: 3 };

const backend = (id, weight) => ({ id, host: '127.0.0.1', port: Number(upstreamPort), weight, region: null, adminState: 'enabled', healthCheck });
function slice(t, weight) {
  const tenantId = `t${t}`, pools = [], routes = [];
  for (let p = 0; p < POOLS; p++) {
    const id = `${tenantId}p${p}`;
    const backends = Array.from({ length: BACKENDS }, (_, b) => backend(`${id}b${b}`, weight));
    pools.push({ id, name: id, algorithm: 'adaptive_ai', stickySessions: false, connectTimeoutMs: 1_000, responseTimeoutMs: 5_000, retries: 2, backends });
    routes.push({ id: `r${id}`, host: `${id}.example.com`, pathPrefix: '/', targets: [{ poolId: id, weight: 100 }], sslEnabled: false, features: {} });
  }
  return { tenantId, pools, routes };
}
const time = async (work) => { const from = performance.now(); await work(); return performance.now() - from; };
const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];

const engine = new EmbeddedEngine({ host: '127.0.0.1', httpPort: 0 });
await engine.start();
globalThis.gc?.();
const memoryBefore = process.memoryUsage().rss;
const tenants = new Map(Array.from({ length: TENANTS }, (_, t) => [`t${t}`, slice(t, 100)]));
const loop = monitorEventLoopDelay({ resolution: 1 });
let version = 1;
const cpuBefore = process.cpuUsage();
const first = await time(() => engine.apply({ version, tenants }));
const { user, system } = process.cpuUsage(cpuBefore);
loop.enable();
const checked = () => [...engine.stats().backends.values()].filter(({ health }) => health === 'healthy').length;
const from = performance.now();
while (checked() < TENANTS * POOLS * BACKENDS && performance.now() - from < 20_000) await new Promise((ok) => setTimeout(ok, 500));
const allChecked = performance.now() - from;
const changes = [];
for (let i = 0; i < 200; i++) {
  const next = new Map(tenants);
  next.set(`t${i % TENANTS}`, slice(i % TENANTS, 1 + i));
  changes.push(await time(() => engine.apply({ version: ++version, tenants: next })));
  await new Promise((ok) => setImmediate(ok));
}
loop.disable();
process.send({
  pools: TENANTS * POOLS, backends: TENANTS * POOLS * BACKENDS, first, firstCpu: (user + system) / 1_000, checked: checked(), allChecked,
  changeP50: quantile(changes, 0.5), changeP99: quantile(changes, 0.99),
  loopP99: loop.percentile(99) / 1e6, loopMax: loop.max / 1e6, memoryMb: (process.memoryUsage().rss - memoryBefore) / 1e6,
});
await engine.stop(0);
process.exit();
