import { Injectable } from '@nestjs/common';

/** What the dashboard shows of the AI cluster. */
export interface ClusterReading {
  total_workers: number;
  active_workers: number;
  /** Word of `/cluster/status`. */
  status: string;
  services: { ollama: boolean; dask: boolean; webui: boolean };
  dask: { running: boolean; workers: number };
}

const NO_CLUSTER: ClusterReading = {
  total_workers: 0,
  active_workers: 0,
  status: 'no_workers',
  services: { ollama: false, dask: false, webui: false },
  dask: { running: false, workers: 0 },
};

/**
 * The AI cluster's state as the module that watches workers and services last found it. That module reports alerts to
 * this one, so it hands its state in instead of being asked: modules have no cycles.
 */
@Injectable()
export class ClusterOverview {
  private read: () => ClusterReading = () => NO_CLUSTER;

  /** @param read cheap and synchronous: what the last probes found */
  provide(read: () => ClusterReading): void {
    this.read = read;
  }

  /** An installation without workers and services until the watching module has provided its state. */
  get current(): ClusterReading {
    return this.read();
  }
}
