// A bare ws server: POST / sends its body as one frame to every client.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const data = JSON.parse(Buffer.concat(chunks).toString());
  const frame = Buffer.from(JSON.stringify({ type: 'backends_update', timestamp: new Date().toISOString(), data }));
  for (const client of sockets.clients) if (client.readyState === 1) client.send(frame, { binary: false });
  response.end('{}');
});
server.on('upgrade', (request, socket, head) => sockets.handleUpgrade(request, socket, head, () => undefined));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
