import type { HostFigures, ProcessStatus } from '../../common/agent-protocol.js';
import type { Worker } from './worker.entity.js';

/**
 * `active`: the agent reports and its command runs. `inactive`: the agent reports, its command does not run. `offline`:
 * nothing came from the agent for three report intervals, or it never connected.
 */
export const WORKER_STATUSES = ['active', 'inactive', 'offline'] as const;
export type WorkerStatus = (typeof WORKER_STATUSES)[number];

/** Report intervals without a word until a worker counts as offline. */
export const SILENT_INTERVALS = 3;

/** A worker, and what its silence makes of it. */
export interface WorkerRow
  extends Omit<Worker, 'credential_hash' | 'report_interval_seconds' | 'offline_since'> {
  status: WorkerStatus;
}

/** The process with the members that are known here: an agent may send more. */
export const processOf = (process: ProcessStatus): ProcessStatus => ({
  state: process.state,
  pid: process.pid,
  restarts: process.restarts,
  last_exit_code: process.last_exit_code,
  last_exit_signal: process.last_exit_signal,
  uptime_seconds: process.uptime_seconds,
  error: process.error,
});

/** The machine's figures with the members that are known here. */
export const hostOf = (host: HostFigures): HostFigures => ({
  cpu_percent: host.cpu_percent,
  memory_percent: host.memory_percent,
  gpus: host.gpus.map(({ name, utilization_percent, memory_percent }) => ({
    name,
    utilization_percent,
    memory_percent,
  })),
  uptime_seconds: host.uptime_seconds,
});
