// The embedded engine of bench/adaptive.mjs in a process of its own: { dist } once, then { slice } → { port }.
process.on('disconnect', () => process.exit());
let engine;
let version = 0;

process.on('message', async ({ dist, slice }) => {
  if (dist) {
    const { EmbeddedEngine } = await import(`${dist}/src/modules/dataplane/embedded/embedded-engine.js`);
    engine = new EmbeddedEngine({ host: '127.0.0.1', httpPort: 0 });
    await engine.start();
    setInterval(() => engine.drainTelemetry(), 1_000);
  } else {
    await engine.apply({ version: ++version, tenants: new Map([[slice.tenantId, slice]]) });
  }
  process.send({ port: engine.health().ports.http });
});
