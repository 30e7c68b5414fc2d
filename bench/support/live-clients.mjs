// Clients of the bench of live channels, in a process of their own. The parent tells which group to open and which
// text the frame holds that it waits for; this tells when the first and the last client had it (ms since the epoch).
import { WebSocket } from 'ws';

const AT_ONCE = 50;
const now = () => performance.timeOrigin + performance.now();
const groups = new Map();

function connect(group, url) {
  return new Promise((ok, no) => {
    const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true });
    socket.once('open', () => ok(socket));
    socket.once('error', no);
    socket.on('message', (data) => {
      const { wait } = group;
      if (!wait || !data.includes(wait.text)) return;
      const at = now();
      wait.first ??= at;
      if (++wait.seen === group.size) {
        group.wait = null;
        process.send({ done: wait.id, first: wait.first, last: at });
      }
    });
  });
}

process.on('message', async (message) => {
  if (message.open) {
    const group = { size: message.urls.length, wait: null, sockets: [] };
    groups.set(message.open, group);
    for (let i = 0; i < message.urls.length; i += AT_ONCE)
      group.sockets.push(...(await Promise.all(message.urls.slice(i, i + AT_ONCE).map((url) => connect(group, url)))));
    process.send({ done: message.id });
  }
  if (message.close) {
    const { sockets } = groups.get(message.close);
    await Promise.all(sockets.map((socket) => new Promise((ok) => socket.once('close', ok).close())));
    process.send({ done: message.id });
  }
  if (message.expect) {
    groups.get(message.expect).wait = { id: message.id, text: message.text, seen: 0, first: undefined };
    process.send({ armed: message.id });
  }
});
process.send({ ready: true });
