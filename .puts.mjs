import { ensureBuilt } from '/work/wt/proof/scripts/ensure.mjs';
import { Stage, signUp, quantile, pause } from '/work/wt/proof/bench/support/harness.mjs';
ensureBuilt();
const stage = new Stage();
try {
  const p = await stage.program({ DATA_PLANE: process.argv[2] ?? 'embedded' }, process.argv[3] === 'prof' ? ['--cpu-prof', '--cpu-prof-dir=/tmp/prof'] : []);
  const { call } = await signUp(p.api);
  await call('POST', '/api/pools', { name: 'w', algorithm: 'round_robin', health_check: { enabled: false } });
  const b = await call('POST', '/api/backends', { address: '127.0.0.1:9', pool: 'w' });
  await call('POST', '/api/routes', { host: 'w.example.com', pool: 'w' });
  for (const [name, work] of [
    ['GET', () => call('GET', '/api/pools/w')],
    ['PUT weight', (i) => call('PUT', `/api/backends/${b.id}`, { weight: 1 + (i % 50) })],
    ['PUT profile', (i) => call('PUT', `/api/profile`, { first_name: 'A' + i })],
  ]) {
    const t = [];
    for (let i = 0; i < 150; i++) { const f = performance.now(); await work(i); t.push(performance.now() - f); await pause(3); }
    console.log(name, 'p50', quantile(t, .5).toFixed(1), 'p90', quantile(t, .9).toFixed(1), 'p99', quantile(t, .99).toFixed(1));
  }
} finally { await stage.close(); }
