// The same small answer to whatever comes, as cheaply as Node can: it must not be what limits the proxies in front.
import { createServer } from 'node:net';

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!');
const END = Buffer.from('\r\n\r\n');

const server = createServer({ noDelay: true }, (socket) => {
  let tail = '';
  socket.on('data', (chunk) => {
    let requests = 0;
    if (tail === '' && chunk.indexOf(END) === chunk.length - 4) requests = 1;
    else {
      const parts = (tail + chunk.toString('latin1')).split('\r\n\r\n');
      tail = parts.pop();
      requests = parts.length;
    }
    for (let i = 0; i < requests; i++) socket.write(ANSWER);
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
