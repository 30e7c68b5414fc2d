import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import type { HostSample } from './host-sampler.js';
import { SystemMetrics, SystemMetricsMinute } from './system-metrics.entity.js';

export type SystemMetricsRow = Omit<SystemMetrics, 'node'>;

export type Resolution = 'raw' | 'minute';

const RAW_KEPT = '24 hours';
const MINUTES_KEPT = '30 days';
const ENTITIES = { raw: SystemMetrics, minute: SystemMetricsMinute };
const FIGURES = 'cpu_percent, memory_percent, disk_percent, network_rx, network_tx, gpu_percent';

/** Samples of all nodes: each one for a day, means of minutes for thirty. All of it takes a system transaction. */
@Injectable()
export class SystemMetricsRepository {
  async add(tx: Transaction, node: string, sample: HostSample): Promise<void> {
    await tx.query(
      `INSERT INTO system_metrics (node, at, ${FIGURES}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT DO NOTHING`,
      [
        node,
        sample.at,
        sample.cpuPercent,
        sample.memory.percent,
        sample.disk.percent,
        sample.networkRx,
        sample.networkTx,
        gpuPercent(sample),
      ],
    );
  }

  /** The newest `limit` points of a node, oldest first. */
  async history(
    tx: Transaction,
    node: string,
    limit: number,
    resolution: Resolution,
  ): Promise<SystemMetricsRow[]> {
    const rows = await tx
      .getRepository<SystemMetrics>(ENTITIES[resolution])
      .find({ where: { node }, order: { at: 'DESC' }, take: limit });
    return rows.reverse();
  }

  /** Means of the minutes that have ended since the last call, and what a call before missed. */
  async rollUp(tx: Transaction): Promise<void> {
    await tx.query(
      `INSERT INTO system_metrics_minutes (node, at, samples, ${FIGURES})
       SELECT node, date_trunc('minute', at) AS minute, count(*), avg(cpu_percent), avg(memory_percent),
              avg(disk_percent), avg(network_rx), avg(network_tx), avg(gpu_percent)
       FROM system_metrics
       WHERE at >= coalesce((SELECT max(at) FROM system_metrics_minutes), '-infinity')
         AND at < date_trunc('minute', clock_timestamp())
       GROUP BY node, minute
       ON CONFLICT (node, at) DO UPDATE SET samples = EXCLUDED.samples, cpu_percent = EXCLUDED.cpu_percent,
         memory_percent = EXCLUDED.memory_percent, disk_percent = EXCLUDED.disk_percent,
         network_rx = EXCLUDED.network_rx, network_tx = EXCLUDED.network_tx, gpu_percent = EXCLUDED.gpu_percent`,
    );
  }

  async deleteExpired(tx: Transaction): Promise<void> {
    await tx.query(`DELETE FROM system_metrics WHERE at < clock_timestamp() - interval '${RAW_KEPT}'`);
    await tx.query(
      `DELETE FROM system_metrics_minutes WHERE at < clock_timestamp() - interval '${MINUTES_KEPT}'`,
    );
  }
}

/** Mean over the GPUs that report; null where none does. */
function gpuPercent({ gpus }: HostSample): number | null {
  const known = gpus.map((gpu) => gpu.utilization_percent).filter((value): value is number => value !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
}
