import { CounterTotal } from './counter-total.js';
import { type DaskTaskMetrics, parseTaskMetrics } from './dask-metrics.js';
import { fetchJson, fetchText } from './fetch-text.js';
import { ServiceProbe } from './service-probe.js';
import { type TaskRates, TaskRateWindow } from './task-rates.js';

export interface DaskWorker {
  /** As given with `--name`: what a worker is known by, since its address changes at each start. */
  readonly name: string;
  readonly address: string;
  readonly threads: number;
  /** Of one core: more than 100 when several threads compute. */
  readonly cpuPercent: number | null;
  readonly memoryBytes: number | null;
  readonly lastSeen: Date | null;
}

/** All numbers are 0 while no scheduler runs. */
export interface DaskFigures {
  readonly workers: readonly DaskWorker[];
  /** Tasks since the scheduler's start. */
  readonly completed: number;
  readonly failed: number;
  /** Tasks now waiting for others, for a free thread, or for a worker that may run them. */
  readonly pending: number;
  /** Tasks now with a worker. */
  readonly processing: number;
  /** Tasks completed a second, over the last minute. */
  readonly throughput: number;
  /** Mean time that a task takes a worker's thread, seconds; see {@link TaskRateWindow}. */
  readonly avgTaskSeconds: number;
}

const ABSENT: DaskFigures = {
  workers: [],
  completed: 0,
  failed: 0,
  pending: 0,
  processing: 0,
  throughput: 0,
  avgTaskSeconds: 0,
};

interface SchedulerIdentity {
  readonly id: string;
  readonly workers: readonly DaskWorker[];
}

/** The counters of one scheduler process; another process starts from zero. */
class SchedulerTotals {
  readonly completed = new CounterTotal();
  readonly failed = new CounterTotal();
  readonly computeSeconds = new CounterTotal();
  readonly rates = new TaskRateWindow();
  constructor(readonly schedulerId: string) {}
}

/**
 * A Dask scheduler by its HTTP server (https://distributed.dask.org/en/stable/http_services.html). Its counters come
 * from `/metrics`. A scheduler without prometheus_client does not count: then completed and failed are the tasks whose
 * results it still holds, and throughput and mean time are 0.
 */
export class DaskProbe extends ServiceProbe<DaskFigures> {
  private totals = new SchedulerTotals('');

  constructor(
    private readonly baseUrl: string,
    timeLimitMs?: number,
  ) {
    super(ABSENT, timeLimitMs);
  }

  protected async measure(signal: AbortSignal): Promise<DaskFigures> {
    const [identity, text] = await Promise.all([
      fetchJson(this.baseUrl, 'json/identity.json', signal).then(toIdentity),
      fetchText(this.baseUrl, 'metrics', signal),
    ]);
    const metrics = parseTaskMetrics(text);
    if (metrics !== null) return this.count(identity, metrics);
    return { ...ABSENT, workers: identity.workers, ...toCounts(await this.counts(signal)) };
  }

  private counts(signal: AbortSignal): Promise<unknown> {
    return fetchJson(this.baseUrl, 'json/counts.json', signal);
  }

  private count({ id, workers }: SchedulerIdentity, metrics: DaskTaskMetrics): DaskFigures {
    if (this.totals.schedulerId !== id) this.totals = new SchedulerTotals(id);
    const of = (state: string) => metrics.transitions.filter((counter) => counter.state === state);
    const now = (...states: string[]) =>
      states.reduce((sum, state) => sum + (metrics.tasks.get(state) ?? 0), 0);
    const completed = this.totals.completed.update(of('memory'));
    const failed = this.totals.failed.update(of('erred'));
    const processing = now('processing');
    const { throughput, meanTaskSeconds } = this.rate(metrics, workers, completed, failed, processing);
    return {
      workers,
      completed,
      failed,
      pending: now('waiting', 'queued', 'no-worker'),
      processing,
      throughput,
      avgTaskSeconds: meanTaskSeconds,
    };
  }

  private rate(
    { computeSeconds }: DaskTaskMetrics,
    workers: readonly DaskWorker[],
    completed: number,
    failed: number,
    processing: number,
  ): TaskRates {
    const threads = workers.reduce((sum, worker) => sum + worker.threads, 0);
    return this.totals.rates.add({
      at: performance.now() / 1000,
      completed,
      ended: completed + failed,
      // The scheduler gives a worker somewhat more tasks than it has threads (worker-saturation).
      busyThreads: Math.min(processing, threads),
      computeSeconds: computeSeconds.length === 0 ? null : this.totals.computeSeconds.update(computeSeconds),
    });
  }
}

function toIdentity(body: unknown): SchedulerIdentity {
  const { type, id, workers } = (body ?? {}) as Record<string, unknown>;
  if (type !== 'Scheduler' || typeof id !== 'string' || typeof workers !== 'object' || workers === null) {
    throw new Error('this is not a Dask scheduler');
  }
  return { id, workers: Object.entries(workers).map(([address, entry]) => toWorker(address, entry)) };
}

function toWorker(address: string, entry: Record<string, unknown>): DaskWorker {
  const metrics = (entry.metrics ?? {}) as Record<string, unknown>;
  const lastSeen = numberOrNull(entry.last_seen);
  return {
    // A worker without a name has its address; one of several under a nanny has a number.
    name: String(entry.name ?? address),
    address,
    threads: numberOrNull(entry.nthreads) ?? 0,
    cpuPercent: numberOrNull(metrics.cpu),
    memoryBytes: numberOrNull(metrics.memory),
    lastSeen: lastSeen === null ? null : new Date(lastSeen * 1000),
  };
}

function toCounts(body: unknown): Pick<DaskFigures, 'completed' | 'failed' | 'pending' | 'processing'> {
  const counts = (body ?? {}) as Record<string, unknown>;
  const count = (name: string) => numberOrNull(counts[name]) ?? 0;
  return {
    completed: count('memory'),
    failed: count('erred'),
    pending: count('waiting') + count('unrunnable'),
    processing: count('processing'),
  };
}

const numberOrNull = (value: unknown) => (typeof value === 'number' ? value : null);
