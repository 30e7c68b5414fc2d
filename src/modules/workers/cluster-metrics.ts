import { Injectable } from '@nestjs/common';
import { exposeMetric, type Sample } from '../../platform/observability/index.js';
import { ClusterStatusService } from './cluster-status.service.js';
import { WORKER_STATUSES, type WorkerRow } from './worker.js';

/** Workers with series of their own. */
const MAX_WORKERS = 1000;

/**
 * Prometheus series of the AI cluster, as of at most five seconds ago. Every node shows the whole cluster: take `max`
 * over the instances, not the sum.
 */
@Injectable()
export class ClusterMetrics {
  constructor(private readonly status: ClusterStatusService) {
    exposeMetric('veloflux_workers', 'Workers by status', 'gauge', () => this.byStatus());
    this.exposeOfWorkers(
      'veloflux_worker_cpu_percent',
      'CPU use of a worker',
      'gauge',
      (w) => w.host?.cpu_percent,
    );
    this.exposeOfWorkers(
      'veloflux_worker_memory_percent',
      'Memory use of a worker',
      'gauge',
      (w) => w.host?.memory_percent,
    );
    this.exposeOfWorkers(
      'veloflux_worker_restarts_total',
      'Restarts of a worker’s command after a death',
      'counter',
      (w) => w.process?.restarts,
    );
    exposeMetric('veloflux_service_up', '1 when the service answers', 'gauge', () => this.services());
    exposeMetric('veloflux_dask_workers', 'Workers connected to the Dask scheduler', 'gauge', () => [
      { labels: {}, value: this.dask.workers.length },
    ]);
    exposeMetric('veloflux_dask_tasks', 'Tasks that the Dask scheduler has not ended', 'gauge', () => [
      { labels: { state: 'pending' }, value: this.dask.pending },
      { labels: { state: 'processing' }, value: this.dask.processing },
    ]);
    exposeMetric(
      'veloflux_dask_tasks_ended_total',
      'Tasks ended since the Dask scheduler’s start',
      'counter',
      () => [
        { labels: { outcome: 'completed' }, value: this.dask.completed },
        { labels: { outcome: 'failed' }, value: this.dask.failed },
      ],
    );
  }

  private get dask() {
    return this.status.current.services.dask.figures;
  }

  private byStatus(): Sample[] {
    const { workers } = this.status.current;
    return WORKER_STATUSES.map((status) => ({
      labels: { status },
      value: workers.filter((worker) => worker.status === status).length,
    }));
  }

  private services(): Sample[] {
    return Object.entries(this.status.current.services).map(([service, { running }]) => ({
      labels: { service },
      value: running ? 1 : 0,
    }));
  }

  /** A worker that is offline, and a figure that is not known, have no sample. */
  private exposeOfWorkers(
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    figure: (worker: WorkerRow) => number | null | undefined,
  ): void {
    exposeMetric(name, help, type, () =>
      this.status.current.workers
        .slice(0, MAX_WORKERS)
        .filter((worker) => worker.status !== 'offline')
        .flatMap((worker) => {
          const value = figure(worker);
          return value == null ? [] : [{ labels: { worker: worker.name }, value }];
        }),
    );
  }
}
