import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { WebSocket } from 'ws';
import {
  AgentCloseCode,
  type CommandResultFrame,
  type HelloFrame,
  type ReportFrame,
} from '../../common/agent-protocol.js';
import { Database, Notifications } from '../../platform/database/index.js';
import { hashToken } from '../../platform/security/index.js';
import { SettingsService } from '../settings/index.js';
import { AgentConnection, type ConnectionHandler } from './agent-connection.js';
import {
  WORKER_COMMAND,
  WORKER_COMMAND_RESULT,
  WORKER_CONNECTIONS_ENDED,
  type WorkerCommand,
  type WorkerCommandResult,
  type WorkerConnectionsEnded,
} from './worker.events.js';
import { processOf } from './worker.js';
import { credentialRefused } from './workers.errors.js';
import { WorkersRepository, type WriteOutcome } from './workers.repository.js';

/** Longest time between two reports, seconds, whatever `update_interval` is: offline is noticed after three. */
const MAX_REPORT_INTERVAL_SECONDS = 60;
const GOING_AWAY = 1001;

/** The agents that are connected to this node: what they report goes to the database, commands go to them. */
@Injectable()
export class AgentConnections
  implements ConnectionHandler, OnApplicationBootstrap, BeforeApplicationShutdown
{
  private readonly logger = new Logger('workers');
  private readonly open = new Set<AgentConnection>();

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly workers: WorkersRepository,
    private readonly settings: SettingsService,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.on<WorkerCommand>(WORKER_COMMAND, (command) => {
      for (const connection of this.of(command.workerId)) connection.command(command);
    });
    this.notifications.on<WorkerConnectionsEnded>(WORKER_CONNECTIONS_ENDED, (ended) => {
      for (const connection of this.of(ended.workerId))
        if (connection.id !== ended.exceptConnectionId) this.end(connection, ended.closeCode);
    });
    let told = this.intervalSeconds;
    this.settings.watch(() => {
      if (this.intervalSeconds === told) return;
      told = this.intervalSeconds;
      for (const connection of this.open) connection.setInterval(told);
    });
  }

  /** Agents connect again at once, to a node that stays. */
  async beforeApplicationShutdown(): Promise<void> {
    const connections = [...this.open];
    for (const connection of connections) {
      connection.close(GOING_AWAY, 'the server stops');
      connection.terminate();
    }
    await Promise.all(connections.map((connection) => connection.settled));
  }

  /** Whose credential this is. @throws AppError 401 */
  async authenticate(credential: string): Promise<string> {
    const id = await this.database.system((tx) => this.workers.idOfCredential(tx, hashToken(credential)));
    if (!id) throw credentialRefused();
    return id;
  }

  /** Takes over a socket whose credential was that of the worker. */
  accept(socket: WebSocket, workerId: string): void {
    this.open.add(new AgentConnection(socket, workerId, this, this.intervalSeconds));
  }

  async hello(connection: AgentConnection, frame: HelloFrame): Promise<void> {
    const { id, workerId } = connection;
    const isKnown = await this.database.system(async (tx) => {
      await this.notifications.publish(tx, WORKER_CONNECTIONS_ENDED, {
        workerId,
        exceptConnectionId: id,
        closeCode: AgentCloseCode.replaced,
      } satisfies WorkerConnectionsEnded);
      return this.workers.connected(tx, workerId, id, frame, this.intervalSeconds);
    });
    if (isKnown) this.logger.log(`worker ${workerId} (${frame.hostname}) connected`);
    else this.end(connection, AgentCloseCode.credentialRefused);
  }

  async report(connection: AgentConnection, frame: ReportFrame): Promise<void> {
    const { id, workerId } = connection;
    const outcome = await this.database.system((tx) =>
      this.workers.reported(tx, workerId, id, frame, this.intervalSeconds),
    );
    this.follow(connection, outcome);
  }

  async result(connection: AgentConnection, frame: CommandResultFrame): Promise<void> {
    const result: WorkerCommandResult = {
      commandId: frame.id,
      ok: frame.ok,
      error: frame.error,
      process: processOf(frame.process),
    };
    await this.database.system(async (tx) => {
      await this.workers.setProcess(tx, connection.workerId, result.process);
      await this.notifications.publish(tx, WORKER_COMMAND_RESULT, result);
    });
  }

  async closed(connection: AgentConnection): Promise<void> {
    this.open.delete(connection);
    this.logger.log(`worker ${connection.workerId} disconnected`);
    await this.database.system((tx) => this.workers.disconnected(tx, connection.workerId, connection.id));
  }

  failed(connection: AgentConnection, error: Error): void {
    this.logger.warn(`worker ${connection.workerId}: not saved: ${error.message}`);
  }

  /** A notification that was missed is made good by the next report. */
  private follow(connection: AgentConnection, outcome: WriteOutcome): void {
    if (outcome === 'replaced') this.end(connection, AgentCloseCode.replaced);
    if (outcome === 'forgotten') this.end(connection, AgentCloseCode.credentialRefused);
  }

  private end(connection: AgentConnection, code: number): void {
    const isReplaced = code === AgentCloseCode.replaced;
    connection.close(code, isReplaced ? 'another connection took over' : 'the worker is not known');
  }

  private of(workerId: string): AgentConnection[] {
    return [...this.open].filter((connection) => connection.workerId === workerId);
  }

  private get intervalSeconds(): number {
    return Math.min(this.settings.current.update_interval, MAX_REPORT_INTERVAL_SECONDS);
  }
}
