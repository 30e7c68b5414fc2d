import { ApiProperty } from '@nestjs/swagger';
import { type GpuFigures, PROCESS_STATES, type ProcessState } from '../../common/agent-protocol.js';
import { WORKER_STATUSES, type WorkerRow, type WorkerStatus } from './worker.js';

export class GpuResponse {
  /** @example "NVIDIA L40S" */
  name: string;
  /**
   * Null when the driver does not say.
   * @example 73.5
   */
  utilization_percent: number | null;
  /** @example 41.2 */
  memory_percent: number | null;
}

/** The command that the worker's agent supervises, as last reported. */
export class ProcessResponse {
  @ApiProperty({
    enum: PROCESS_STATES,
    enumName: 'ProcessState',
    example: 'running',
    description:
      '`backoff`: died, will be started again; `failed`: died too often, stays down until it is started',
  })
  state: ProcessState;
  /**
   * Null while there is no process.
   * @example 4211
   */
  pid: number | null;
  /**
   * Restarts after a death since the agent started; those that were asked for do not count.
   * @example 0
   */
  restarts: number;
  /** @example 0 */
  last_exit_code: number | null;
  /** @example SIGKILL */
  last_exit_signal: string | null;
  /** @example 86400.5 */
  uptime_seconds: number | null;
  /**
   * Why it is in `backoff` or `failed`.
   * @example "exited with code 1"
   */
  error: string | null;
}

export class WorkerResponse {
  /** @example worker_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example worker-001 */
  name: string;
  @ApiProperty({
    enum: WORKER_STATUSES,
    enumName: 'WorkerStatus',
    example: 'active',
    description:
      '`active`: its agent reports and the command runs; `inactive`: it reports, the command does not run; `offline`: nothing came from it for three report intervals',
  })
  status: WorkerStatus;
  /**
   * The machine's end of its connection to us, as the machine sees it.
   * @example 192.168.1.101
   */
  ip_address: string;
  /**
   * Per cent of all cores, as last reported; null before the first report.
   * @example 45.2
   */
  cpu_usage: number | null;
  /**
   * Per cent of the machine's memory, as last reported; null before the first report.
   * @example 67.8
   */
  memory_usage: number | null;
  /**
   * When something last came from its agent.
   * @example 2026-06-19T15:30:00.000Z
   */
  last_seen: string;
  /** @example gpu-rack-3 */
  hostname: string;
  /** @example linux */
  platform: string;
  /**
   * Program name of the supervised command; null before the agent's first connection.
   * @example dask
   */
  command: string | null;
  /** Null before the agent's first connection. */
  process: ProcessResponse | null;
  /** Empty when the machine has none that reports. */
  gpus: GpuResponse[];
  /**
   * Of the machine; null before the first report.
   * @example 1209600
   */
  uptime_seconds: number | null;
  /**
   * Whether its agent has a connection open.
   * @example true
   */
  connected: boolean;
  /** @example 2026-06-19T15:30:00.000Z */
  connected_at: string | null;
  /** @example 2026-06-01T08:00:00.000Z */
  enrolled_at: string;

  static from(worker: WorkerRow): WorkerResponse {
    const { host } = worker;
    return {
      id: worker.id,
      name: worker.name,
      status: worker.status,
      ip_address: worker.ip_address,
      cpu_usage: host?.cpu_percent ?? null,
      memory_usage: host?.memory_percent ?? null,
      last_seen: worker.last_seen.toISOString(),
      hostname: worker.hostname,
      platform: worker.platform,
      command: worker.command,
      process: worker.process,
      gpus: [...(host?.gpus ?? [])] satisfies GpuFigures[],
      uptime_seconds: host?.uptime_seconds ?? null,
      connected: worker.status !== 'offline' && worker.connection_id !== null,
      connected_at: worker.connected_at?.toISOString() ?? null,
      enrolled_at: worker.enrolled_at.toISOString(),
    };
  }
}

export class WorkerCommandResponse {
  /** @example "Worker worker_01jz3k5v8hf0vbn2x4q6t8w0ya started successfully" */
  message: string;
  /** After the agent has confirmed. */
  worker: WorkerResponse;
}
