import type { CommandVerb, ProcessStatus } from '../../common/agent-protocol.js';

/** Notification: whichever node holds the worker's connection sends this command on. */
export const WORKER_COMMAND = 'worker.command';
export interface WorkerCommand {
  workerId: string;
  commandId: string;
  verb: CommandVerb;
}

/** Notification: what the agent answered, for the node that waits for it. */
export const WORKER_COMMAND_RESULT = 'worker.command_result';
export interface WorkerCommandResult {
  commandId: string;
  ok: boolean;
  error: string | null;
  process: ProcessStatus;
}

/** Notification: connections of the worker other than this one end with the close code. */
export const WORKER_CONNECTIONS_ENDED = 'worker.connections_ended';
export interface WorkerConnectionsEnded {
  workerId: string;
  /** Null: all of them. */
  exceptConnectionId: string | null;
  closeCode: number;
}
