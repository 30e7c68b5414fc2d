import { hostname } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AGENT_PROTOCOL_VERSION,
  type CommandFrame,
  type HelloFrame,
  type ProcessStatus,
  type ReportFrame,
} from '../common/agent-protocol.js';
import { EnrollmentRefused, enroll } from './enrollment.js';
import { HostSampler } from './host-figures.js';
import type { OutputSink } from './process-group.js';
import { type ConnectionPolicy, ServerConnection } from './server-connection.js';
import type { SessionHandler } from './server-session.js';
import type { Credential, StateDir } from './state-dir.js';
import { Supervisor, type SupervisorPolicy } from './supervisor.js';

export interface AgentOptions {
  /** Base URL of the server. */
  readonly server: string;
  /** One-time enrolment token; null when the worker is enrolled already. */
  readonly token: string | null;
  readonly name: string;
  /** The command to supervise: program and arguments. It never comes from the server. */
  readonly command: readonly string[];
  readonly supervision: SupervisorPolicy;
  readonly connection: ConnectionPolicy;
}

/** A worker's side of the cluster: supervises one command on this machine and keeps the server informed. */
export class Agent implements SessionHandler {
  private readonly supervisor: Supervisor;
  private readonly connection: ServerConnection;
  private readonly sampler = new HostSampler();
  private readonly ending = new AbortController();
  /** A token works once; whether it is still worth a try. */
  private token: string | null;

  constructor(
    private readonly options: AgentOptions,
    private readonly state: StateDir,
    sink: OutputSink,
    readonly log: (message: string) => void,
  ) {
    this.token = options.token;
    this.supervisor = new Supervisor(options.command, options.supervision, state, sink, (status) =>
      this.processChanged(status),
    );
    this.connection = new ServerConnection(options.server, options.connection, this);
  }

  /**
   * Enrols when need be, starts the command and works until {@link stop}.
   *
   * @throws EnrollmentRefused before anything was started, when the worker has no credential and gets none.
   */
  async run(): Promise<void> {
    const stopped = await this.state.stopLeftOver(this.options.supervision.graceMs);
    if (stopped !== null)
      this.log(`stopped process group ${stopped}, left over from an agent that was killed`);
    let credential = this.state.credentialFor(this.options.server) ?? (await this.enroll());
    void this.supervisor.perform('start');
    while ((await this.connection.keep(credential.credential, this.ending.signal)) === 'refused') {
      credential = await this.replace(credential);
    }
  }

  /** Ends the connection and stops the command; resolves when no process of it is left. */
  async stop(): Promise<void> {
    const outcome = await this.supervisor.shutdown();
    if (!outcome.ok) this.log(`stopping the command: ${outcome.error}`);
    await this.connection.report();
    this.ending.abort();
  }

  /** Kills the command's process group at once. */
  kill(): void {
    this.supervisor.kill();
  }

  hello(): HelloFrame {
    return {
      type: 'hello',
      protocol: AGENT_PROTOCOL_VERSION,
      hostname: hostname(),
      platform: process.platform,
      command: basename(this.options.command[0]),
      process: this.supervisor.status(),
    };
  }

  async report(ipAddress: string | null): Promise<ReportFrame> {
    this.state.seen();
    const host = await this.sampler.sample();
    return {
      type: 'report',
      at: new Date().toISOString(),
      ip_address: ipAddress,
      host,
      process: this.supervisor.status(),
    };
  }

  command({ id, verb }: CommandFrame): void {
    this.log(`told to ${verb}`);
    void this.supervisor.perform(verb).then((outcome) => {
      this.connection.send({ type: 'command_result', id, process: this.supervisor.status(), ...outcome });
    });
  }

  private processChanged(status: ProcessStatus): void {
    const pid = status.pid === null ? '' : ` (pid ${status.pid})`;
    this.log(`command is ${status.state}${pid}${status.error === null ? '' : `: ${status.error}`}`);
    void this.connection.report();
  }

  private async enroll(): Promise<Credential> {
    if (this.token === null) throw new EnrollmentRefused('this worker is not enrolled: give a --token');
    const { server, name, connection } = this.options;
    const token = this.token;
    this.token = null;
    const credential = await enroll(server, token, name, connection.backoff, this.log, this.ending.signal);
    this.state.saveCredential(credential);
    this.log(`enrolled as ${credential.worker_id}`);
    return credential;
  }

  /**
   * After the server refused the credential: enrols anew when there is an unused token. Without one the command is
   * kept running (the server may be a restored one that learns of this worker again) and the credential tried again.
   */
  private async replace(refused: Credential): Promise<Credential> {
    this.log('the server refuses the credential of this worker');
    try {
      return await this.enroll();
    } catch (error) {
      this.log((error as Error).message);
      const { maxMs } = this.options.connection.backoff;
      await delay(maxMs, undefined, { signal: this.ending.signal }).catch(() => {});
      return refused;
    }
  }
}
