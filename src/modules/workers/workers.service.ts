import { EventEmitter, once } from 'node:events';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AgentCloseCode, type CommandVerb } from '../../common/agent-protocol.js';
import { newId } from '../../common/ids.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database, Notifications } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import {
  WORKER_COMMAND,
  WORKER_COMMAND_RESULT,
  WORKER_CONNECTIONS_ENDED,
  type WorkerCommand,
  type WorkerCommandResult,
  type WorkerConnectionsEnded,
} from './worker.events.js';
import type { WorkerRow } from './worker.js';
import { WorkerAlerts } from './worker-alerts.js';
import { commandFailed, commandTimeout, workerNotFound, workerOffline } from './workers.errors.js';
import { WorkersRepository } from './workers.repository.js';

/** How long an agent has to confirm a command, seconds: longer than its own ten seconds of grace for a stop. */
const COMMAND_LIMIT_SECONDS = 15;

/** The workers of the AI cluster, and what operators do with them. */
@Injectable()
export class WorkersService implements OnApplicationBootstrap {
  private readonly results = new EventEmitter().setMaxListeners(0);

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly journal: Journal,
    private readonly workers: WorkersRepository,
    private readonly alerts: WorkerAlerts,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.on<WorkerCommandResult>(WORKER_COMMAND_RESULT, (result) =>
      this.results.emit(result.commandId, result),
    );
  }

  list(request: PageRequest): Promise<Page<WorkerRow>> {
    return this.database.system((tx) => this.workers.page(tx, request));
  }

  all(): Promise<WorkerRow[]> {
    return this.database.system((tx) => this.workers.all(tx));
  }

  /** @throws AppError 404 */
  async get(id: string): Promise<WorkerRow> {
    const worker = await this.database.system((tx) => this.workers.get(tx, id));
    if (!worker) throw workerNotFound(id);
    return worker;
  }

  /**
   * Has the worker's agent start, stop or restart its command, whichever node the agent is connected to.
   * @returns the worker after the agent has confirmed
   * @throws AppError 404; 409 WORKER_OFFLINE when it is not connected, WORKER_COMMAND_FAILED when the agent could not;
   *   504 WORKER_TIMEOUT when it has not confirmed in time: then it may still do it
   */
  async command(id: string, verb: CommandVerb): Promise<WorkerRow> {
    const worker = await this.get(id);
    if (worker.status === 'offline' || worker.connection_id === null) throw workerOffline(worker);
    const result = await this.send(worker, verb);
    const after = await this.get(id);
    if (result === null) throw commandTimeout(after, verb, COMMAND_LIMIT_SECONDS);
    if (!result.ok) throw commandFailed(after, verb, result.error ?? 'the agent does not say why');
    return after;
  }

  /** Its credential is good for nothing from now on. What its agent supervises goes on. @throws AppError 404 */
  async forget(id: string): Promise<void> {
    await this.database.system(async (tx) => {
      const name = await this.workers.forget(tx, id);
      if (name === null) throw workerNotFound(id);
      await this.alerts.resolve(tx, id);
      await this.journal.recordSecurity(tx, {
        tenantId: null,
        action: 'worker.forgotten',
        message: `Worker ${name} was forgotten`,
        object: { type: 'worker', id, name },
      });
      await this.notifications.publish(tx, WORKER_CONNECTIONS_ENDED, {
        workerId: id,
        exceptConnectionId: null,
        closeCode: AgentCloseCode.credentialRefused,
      } satisfies WorkerConnectionsEnded);
    });
  }

  /** @returns null when no result came in time */
  private async send({ id, name }: WorkerRow, verb: CommandVerb): Promise<WorkerCommandResult | null> {
    const commandId = newId('event');
    const limit = new AbortController();
    const answer = once(this.results, commandId, { signal: limit.signal }).then(
      ([result]) => result as WorkerCommandResult,
      () => null,
    );
    const timer = setTimeout(() => limit.abort(), COMMAND_LIMIT_SECONDS * 1000);
    try {
      await this.database.system(async (tx) => {
        await this.journal.record(tx, {
          tenantId: null,
          action: `worker.${verb}`,
          message: `Worker ${name} was told to ${verb}`,
          object: { type: 'worker', id, name },
        });
        await this.notifications.publish(tx, WORKER_COMMAND, {
          workerId: id,
          commandId,
          verb,
        } satisfies WorkerCommand);
      });
      return await answer;
    } finally {
      clearTimeout(timer);
      limit.abort();
    }
  }
}
