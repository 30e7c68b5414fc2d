import { createServer } from 'node:net';

/** Where the system gives out none by itself (Linux: from 32768): what is free stays free until it is bound. */
const [FIRST, LAST] = [20_000, 32_000];

/** A port of the loopback interface for a server that has to be found there again after a restart. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const isFree = await new Promise<boolean>((done) => {
      const probe = createServer().once('error', () => done(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
    });
    if (isFree) return port;
  }
}
