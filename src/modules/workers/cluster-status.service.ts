import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type Periodic, repeat } from '../../platform/jobs/index.js';
import { type ServiceReadings, ServiceWatch } from '../cluster/index.js';
import { ClusterOverview, type ClusterReading } from '../monitoring/index.js';
import type { WorkerRow } from './worker.js';
import { WorkersService } from './workers.service.js';

const EVERY_MS = 5000;

/**
 * `no_workers`: none has enrolled. `healthy`: no worker is offline and no worker's command died. `degraded`: some are
 * or did. `down`: all of them.
 */
export const CLUSTER_STATES = ['healthy', 'degraded', 'down', 'no_workers'] as const;
export type ClusterState = (typeof CLUSTER_STATES)[number];

/** The AI cluster as a whole. */
export interface ClusterStatus {
  readonly status: ClusterState;
  readonly workers: readonly WorkerRow[];
  readonly activeWorkers: number;
  /** Sums over the workers that are not offline, per cent of a machine each: 250 is two and a half machines. */
  readonly totalCpu: number;
  readonly totalMemory: number;
  readonly services: ServiceReadings;
}

/** What the workers and the services say, put together. */
@Injectable()
export class ClusterStatusService implements OnApplicationBootstrap, OnModuleDestroy {
  private workers: readonly WorkerRow[] = [];
  private periodic?: Periodic;

  constructor(
    private readonly workersService: WorkersService,
    private readonly services: ServiceWatch,
    overview: ClusterOverview,
  ) {
    overview.provide(() => readingOf(this.current));
  }

  async onApplicationBootstrap(): Promise<void> {
    this.periodic = repeat('cluster status', EVERY_MS, async () => void (await this.refresh()));
    await this.refresh();
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic?.stop();
  }

  /** As of at most five seconds ago, without asking anybody. */
  get current(): ClusterStatus {
    return statusOf(this.workers, this.services.readings());
  }

  /** Reads the workers again, and waits for the first answers of the services after a start. */
  async refresh(): Promise<ClusterStatus> {
    [this.workers] = await Promise.all([this.workersService.all(), this.services.ready()]);
    return this.current;
  }
}

/** @internal exported for its test */
export function statusOf(workers: readonly WorkerRow[], services: ServiceReadings): ClusterStatus {
  const online = workers.filter((worker) => worker.status !== 'offline');
  const sum = (figure: 'cpu_percent' | 'memory_percent') =>
    Math.round(online.reduce((total, { host }) => total + (host?.[figure] ?? 0), 0) * 10) / 10;
  return {
    status: stateOf(workers),
    workers,
    activeWorkers: workers.filter((worker) => worker.status === 'active').length,
    totalCpu: sum('cpu_percent'),
    totalMemory: sum('memory_percent'),
    services,
  };
}

function stateOf(workers: readonly WorkerRow[]): ClusterState {
  if (workers.length === 0) return 'no_workers';
  const bad = workers.filter(hasFailed).length;
  if (bad === 0) return 'healthy';
  return bad < workers.length ? 'degraded' : 'down';
}

/** A worker whose command an operator stopped has not failed. */
const hasFailed = ({ status, process }: WorkerRow): boolean =>
  status === 'offline' || process?.state === 'backoff' || process?.state === 'failed';

/** As the dashboard's socket and `/monitoring/status` show it. */
const readingOf = ({ status, workers, activeWorkers, services }: ClusterStatus): ClusterReading => ({
  total_workers: workers.length,
  active_workers: activeWorkers,
  status,
  services: {
    ollama: services.ollama.running,
    dask: services.dask.running,
    webui: services.webui.running,
  },
  dask: { running: services.dask.running, workers: services.dask.figures.workers.length },
});
