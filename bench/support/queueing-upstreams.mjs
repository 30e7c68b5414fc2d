// Upstreams of bench/adaptive.mjs, real HTTP servers of one process: each has a few workers and a line before them. A
// request's work (its header x-demand, 1 on average) takes mean × demand / speed, kept by a timer, so that waiting is
// measured and not the processor.
//   in:  { open: [backend…], meanMs } → out: { ports }      in: { startAt } → the clock of the interference begins
import { createServer } from 'node:http';

process.on('disconnect', () => process.exit());
const now = () => performance.timeOrigin + performance.now();
let startAt = now();
let servers = [];

function speedNow({ speed, interference }) {
  if (!interference) return speed;
  const { everyMs, forMs, factor } = interference;
  return (now() - startAt) % everyMs < forMs ? speed * factor : speed;
}

function open(backend, workers, meanMs) {
  const line = [];
  let busy = 0;
  const begin = (job) => {
    busy++;
    setTimeout(() => {
      busy--;
      job.response.end('done');
      if (line.length) begin(line.shift());
    }, (meanMs * job.demand) / speedNow(backend));
  };
  const server = createServer((request, response) => {
    if (backend.failsAfterMs !== undefined) {
      setTimeout(() => response.writeHead(500).end(), backend.failsAfterMs);
      return;
    }
    const job = { response, demand: Number(request.headers['x-demand']) };
    if (busy < workers) begin(job);
    else line.push(job);
  });
  server.keepAliveTimeout = 60_000;
  servers.push(server);
  return new Promise((ok) => server.listen(0, '127.0.0.1', 4_096, () => ok(server.address().port)));
}

process.on('message', async (message) => {
  if (message.open) {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    servers = [];
    const ports = await Promise.all(message.open.map((backend) => open(backend, message.workers, message.meanMs)));
    process.send({ ports });
  }
  if (message.startAt) startAt = message.startAt;
});
