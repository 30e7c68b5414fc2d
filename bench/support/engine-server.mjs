// The embedded engine alone, in a process of its own: { dist, slice, workers, fastPath } in, { port } out; telemetry is drained
// each second as the program does.
import cluster from 'node:cluster';

process.on('disconnect', () => process.exit());

async function serve({ dist, slice, port, fastPath }) {
  const { EmbeddedEngine } = await import(`${dist}/src/modules/dataplane/embedded/embedded-engine.js`);
  const engine = new EmbeddedEngine({ host: '127.0.0.1', httpPort: port, fastPath });
  await engine.start();
  await engine.apply({ version: 1, tenants: new Map([[slice.tenantId, slice]]) });
  setInterval(() => engine.drainTelemetry(), 1_000);
  process.send({ port: engine.health().ports.http });
}

if (cluster.isWorker) {
  process.once('message', serve);
  process.send('ready');
} else {
  process.once('message', (job) => {
    if (job.workers === 1) serve(job);
    else serveOnMany(job);
  });
}

function serveOnMany(job) {
  const workers = Array.from({ length: job.workers }, () => cluster.fork());
  let listening = 0;
  for (const worker of workers) {
    worker.on('message', (message) => {
      if (message === 'ready') worker.send({ ...job, port: job.clusterPort });
      else if (++listening === workers.length) process.send({ port: message.port, pids: [process.pid, ...workers.map((w) => w.process.pid)] });
    });
  }
}
