import type { Backend } from '../pools/backend.js';
import { type ProbeResult, probe } from './probe.js';

const TICK_MS = 10;
const JITTER = 0.1;

export interface HealthCheckerOptions {
  /** Checks under way at a time. */
  readonly concurrency: number;
  readonly startsPerSecond: number;
  readonly random: () => number;
  readonly onResult: (backend: Backend, result: ProbeResult) => void;
}

interface Watch {
  readonly backend: Backend;
  timer: NodeJS.Timeout | null;
  stopped: boolean;
}

/**
 * Runs the active checks of all backends: each at its interval ± 10 %, the first as soon as the backend appears. Due
 * checks wait in one line that is worked off at a bounded rate and concurrency, so that ten thousand new backends
 * neither stall the event loop nor hit the network at once.
 */
export class HealthChecker {
  private readonly watches = new Map<Backend, Watch>();
  private line: Watch[] = [];
  private head = 0;
  private running = 0;
  private ticking: NodeJS.Timeout | null = null;

  constructor(private readonly options: HealthCheckerOptions) {}

  /** Starts checking the backend, or starts anew when it is checked already. */
  watch(backend: Backend): void {
    this.unwatch(backend);
    const watch: Watch = { backend, timer: null, stopped: false };
    this.watches.set(backend, watch);
    this.enqueue(watch);
  }

  unwatch(backend: Backend): void {
    const watch = this.watches.get(backend);
    if (!watch) return;
    watch.stopped = true;
    if (watch.timer) clearTimeout(watch.timer);
    this.watches.delete(backend);
  }

  stop(): void {
    for (const backend of [...this.watches.keys()]) this.unwatch(backend);
    if (this.ticking) clearTimeout(this.ticking);
    this.ticking = null;
    this.line = [];
    this.head = 0;
  }

  private enqueue(watch: Watch): void {
    this.line.push(watch);
    this.ticking ??= setTimeout(() => this.tick(), 0);
  }

  private tick(): void {
    this.ticking = null;
    let starts = Math.max(1, Math.floor((this.options.startsPerSecond * TICK_MS) / 1_000));
    while (starts > 0 && this.running < this.options.concurrency && this.head < this.line.length) {
      const watch = this.line[this.head++];
      if (watch.stopped) continue;
      starts--;
      this.check(watch);
    }
    if (this.head === this.line.length) {
      this.line = [];
      this.head = 0;
    } else {
      this.ticking = setTimeout(() => this.tick(), TICK_MS);
    }
  }

  private check(watch: Watch): void {
    const { host, port, healthCheck, allowPrivate = true } = watch.backend.config;
    this.running++;
    probe({ host, port, allowPrivate, ...healthCheck }, (result) => {
      this.running--;
      if (watch.stopped) return;
      this.options.onResult(watch.backend, result);
      if (watch.stopped) return;
      const wait = healthCheck.intervalMs * (1 - JITTER + 2 * JITTER * this.options.random());
      watch.timer = setTimeout(() => this.enqueue(watch), wait);
    });
  }
}
