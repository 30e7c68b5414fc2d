// Upstreams that answer with their own number: { count } in, { ports } out.
import { createServer } from 'node:http';

process.once('message', async ({ count }) => {
  const ports = [];
  for (let i = 0; i < count; i++) {
    const body = Buffer.from(String(i));
    const server = createServer((_, response) => response.writeHead(200, { 'content-length': body.length }).end(body));
    server.keepAliveTimeout = 120_000;
    await new Promise((ok) => server.listen(0, '127.0.0.1', ok));
    ports.push(server.address().port);
  }
  process.send({ ports });
});
process.on('disconnect', () => process.exit());
