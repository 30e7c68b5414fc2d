import type { HostFigures, ProcessStatus } from '../../common/agent-protocol.js';

/**
 * `active`: the agent reports and its command runs. `inactive`: the agent reports, its command does not run. `offline`:
 * nothing came from the agent for three report intervals, or it never connected.
 */
export const WORKER_STATUSES = ['active', 'inactive', 'offline'] as const;
export type WorkerStatus = (typeof WORKER_STATUSES)[number];

/** Report intervals without a word until a worker counts as offline. */
export const SILENT_INTERVALS = 3;

/** A machine of the AI cluster, as it last told of itself. */
export interface WorkerRow {
  id: string;
  name: string;
  status: WorkerStatus;
  hostname: string;
  platform: string;
  ip_address: string;
  /** Program name of the supervised command; null before the agent's first connection. */
  command: string | null;
  process: ProcessStatus | null;
  /** Null before the first report. */
  host: HostFigures | null;
  /** The agent's open WebSocket; null when none is open. Left over for a moment when the node that held it died. */
  connection_id: string | null;
  connected_at: Date | null;
  last_seen: Date;
  enrolled_at: Date;
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
