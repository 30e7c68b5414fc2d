import { Agent, request } from 'node:http';

const NEVER_MS = 20_000;

/** Requests at a fixed rate over kept connections, until `stop`; every one is accounted for. */
export class Traffic {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 32 });
  private readonly timer: NodeJS.Timeout;
  private readonly pending = new Set<Promise<void>>();
  /** When each request was sent (ms of performance.now), what came of it, and after how long. */
  readonly outcomes: { sent: number; what: string; ms: number }[] = [];

  /** @param proxy base URL @param rate requests a second */
  constructor(
    private readonly proxy: string,
    private readonly host: string,
    rate = 200,
  ) {
    const began = performance.now();
    let due = 0;
    this.timer = setInterval(() => {
      const wanted = Math.floor(((performance.now() - began) / 1000) * rate);
      for (; due < wanted; due++) this.send();
    }, 5);
  }

  private send(): void {
    const sent = performance.now();
    const done = new Promise<void>((ok) => {
      const end = (what: string) => {
        this.outcomes.push({ sent, what, ms: performance.now() - sent });
        ok();
      };
      const call = request(this.proxy, { agent: this.agent, headers: { host: this.host } }, (response) => {
        response.resume();
        response.on('end', () => end(String(response.statusCode)));
        response.on('error', (e: NodeJS.ErrnoException) => end(e.code ?? e.message));
      });
      call.setTimeout(NEVER_MS, () => call.destroy(new Error('no answer')));
      call.on('error', (e: NodeJS.ErrnoException) => end(e.code ?? e.message));
      call.end();
    });
    this.pending.add(done);
    void done.then(() => this.pending.delete(done));
  }

  /** Outcomes other than 200 of requests sent from `from` on, counted. */
  failures(from = 0): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { sent, what } of this.outcomes)
      if (what !== '200' && sent >= from) counts[what] = (counts[what] ?? 0) + 1;
    return counts;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    this.agent.destroy();
  }
}
