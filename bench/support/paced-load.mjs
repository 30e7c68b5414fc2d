// Requests at a fixed rate over kept connections, however long answers take: { port, host, rate, connections } in.
// 'stop' in: { requests, failures: {what: count}, p50, p99 } out, in milliseconds.
import { Agent, request } from 'node:http';

let agent;
let timer;
let target;
const failures = {};
const times = [];
let due = 0;
let began = 0;

function one() {
  const from = performance.now();
  const failed = (what) => {
    failures[what] = (failures[what] ?? 0) + 1;
  };
  const call = request({ host: '127.0.0.1', port: target.port, path: '/', agent, headers: { host: target.host } }, (response) => {
    if (response.statusCode !== 200) failed(response.statusCode);
    response.resume();
    response.on('end', () => times.push(performance.now() - from));
    response.on('error', (e) => failed(e.code ?? e.message));
  });
  call.on('error', (e) => failed(e.code ?? e.message));
  call.end();
}

function tick() {
  const wanted = Math.floor(((performance.now() - began) / 1000) * target.rate);
  while (due < wanted) {
    due++;
    one();
  }
}

process.on('message', (message) => {
  if (message === 'stop') {
    clearInterval(timer);
    setTimeout(() => {
      times.sort((a, b) => a - b);
      const at = (q) => times[Math.min(times.length - 1, Math.floor(times.length * q))];
      process.send({ requests: due, failures, p50: at(0.5), p99: at(0.99) });
    }, 500);
    return;
  }
  target = message;
  agent = new Agent({ keepAlive: true, maxSockets: message.connections });
  began = performance.now();
  timer = setInterval(tick, 2);
  process.send({ ready: true });
});
process.on('disconnect', () => process.exit());
