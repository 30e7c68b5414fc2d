import { ApiProperty } from '@nestjs/swagger';
import { CLUSTER_STATES, type ClusterState, type ClusterStatus } from './cluster-status.service.js';

/** The AI cluster as a whole. Figures of Dask are 0 while no scheduler runs. */
export class ClusterStatusResponse {
  /** @example 3 */
  total_workers: number;
  /**
   * Workers whose agent reports and whose command runs.
   * @example 2
   */
  active_workers: number;
  /**
   * Sum of the CPU use of the workers that are not offline, per cent of a machine each.
   * @example 127.5
   */
  total_cpu: number;
  /**
   * Sum of the memory use of the workers that are not offline, per cent of a machine each.
   * @example 134.8
   */
  total_memory: number;
  @ApiProperty({
    enum: CLUSTER_STATES,
    enumName: 'ClusterState',
    example: 'healthy',
    description:
      '`degraded`: some workers are offline or their command died; `down`: all of them; `no_workers`: none has enrolled',
  })
  status: ClusterState;
  /** @example true */
  ollama_running: boolean;
  /** @example true */
  dask_running: boolean;
  /** @example true */
  webui_running: boolean;
  /**
   * Workers that are connected to the Dask scheduler, whoever started them.
   * @example 2
   */
  dask_workers: number;
  /**
   * Since the scheduler's start.
   * @example 150
   */
  dask_tasks_completed: number;
  /**
   * Since the scheduler's start.
   * @example 2
   */
  dask_tasks_failed: number;
  /**
   * Tasks that wait for others, for a thread, or for a worker that may run them.
   * @example 5
   */
  dask_tasks_pending: number;
  /** @example 3 */
  dask_tasks_processing: number;
  /**
   * Tasks completed a second, over the last minute.
   * @example 2.5
   */
  dask_task_throughput: number;
  /**
   * Seconds that a task took, mean over the last five minutes or the last known; 0 before the first.
   * @example 45.2
   */
  dask_avg_task_time: number;

  static from(status: ClusterStatus): ClusterStatusResponse {
    const { ollama, dask, webui } = status.services;
    return {
      total_workers: status.workers.length,
      active_workers: status.activeWorkers,
      total_cpu: status.totalCpu,
      total_memory: status.totalMemory,
      status: status.status,
      ollama_running: ollama.running,
      dask_running: dask.running,
      webui_running: webui.running,
      dask_workers: dask.figures.workers.length,
      dask_tasks_completed: dask.figures.completed,
      dask_tasks_failed: dask.figures.failed,
      dask_tasks_pending: dask.figures.pending,
      dask_tasks_processing: dask.figures.processing,
      dask_task_throughput: dask.figures.throughput,
      dask_avg_task_time: dask.figures.avgTaskSeconds,
    };
  }
}
