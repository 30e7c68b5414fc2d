// What one balancing decision among ten backends costs, with the bookkeeping of a request's start and answer.
const [dist] = process.argv.slice(2);
const from = (name) => import(`${dist}/src/modules/dataplane/embedded/balancing/${name}.js`);
const { ALGORITHMS } = await import(`${dist}/src/modules/dataplane/snapshot.js`);
const [{ createBalancer }, { BackendLoad }, { hashString }] = await Promise.all([from('create-balancer'), from('backend-load'), from('hash')]);
const COUNT = 500_000;
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function nanoseconds(algorithm) {
  const balancer = createBalancer(algorithm, Math.random);
  const backends = Array.from({ length: 10 }, (_, i) => ({ id: `b${i}`, idHash: hashString(`b${i}`), weight: 100, load: new BackendLoad(0) }));
  const started = performance.now();
  for (let i = 0; i < COUNT; i++) {
    const now = i * 0.1;
    const backend = balancer.pick(backends, { clientAddress: '192.0.2.1', now });
    backend.load.inFlight++;
    balancer.onStart?.(backend, now);
    balancer.onResponse?.(backend, 5 + (i % 7), now);
    backend.load.inFlight--;
  }
  return ((performance.now() - started) * 1e6) / COUNT;
}

const figures = {};
for (const algorithm of ALGORITHMS) {
  nanoseconds(algorithm);
  figures[algorithm] = median([1, 2, 3].map(() => nanoseconds(algorithm)));
}
process.send(figures, () => process.exit());
