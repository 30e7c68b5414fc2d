import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { terminateGroup } from './process-group.js';
import { bootId, groupMembers, hasProcfs, isDead, readProcess, ticksSinceBoot } from './procfs.js';
import type { LifeRecord } from './supervisor.js';

/** What the worker proves its identity with, and to which server only. */
export interface Credential {
  readonly server: string;
  readonly worker_id: string;
  readonly credential: string;
}

/** A process across restarts of this program: the start time tells a reused pid, the boot id a reused start time. */
interface ProcessIdentity {
  readonly pid: number;
  readonly start_ticks: number;
  readonly boot_id: string | null;
}

interface LeaderIdentity extends ProcessIdentity {
  /** Clock ticks since boot when the leader was last known to live. */
  readonly seen_ticks: number;
}

/** Another agent already uses the state directory. */
export class AgentAlreadyRunning extends Error {}

/**
 * The agent's own files: the credential, the process group it started, and a lock against a second agent. Without
 * Linux' /proc no process can be recognised again: then there is no lock and a left-over group is not touched.
 */
export class StateDir implements LifeRecord {
  private readonly credentialFile: string;
  private readonly processFile: string;
  private readonly lockFile: string;
  private leader: LeaderIdentity | null = null;

  /** Makes the directory, readable by this user only. */
  constructor(
    path: string,
    private readonly log: (message: string) => void = () => {},
  ) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.credentialFile = join(path, 'credential.json');
    this.processFile = join(path, 'process.json');
    this.lockFile = join(path, 'agent.lock');
  }

  /** @throws AgentAlreadyRunning when a living agent holds the directory. */
  lock(): void {
    const holder = readJson<ProcessIdentity>(this.lockFile);
    if (holder !== null && isRunning(holder)) {
      throw new AgentAlreadyRunning(`another agent (pid ${holder.pid}) uses ${this.lockFile}`);
    }
    rmSync(this.lockFile, { force: true });
    const mine = `${this.lockFile}.${process.pid}`;
    writeFileSync(mine, JSON.stringify(identify(process.pid)));
    try {
      linkSync(mine, this.lockFile);
    } catch {
      throw new AgentAlreadyRunning(`another agent has just taken ${this.lockFile}`);
    } finally {
      rmSync(mine, { force: true });
    }
  }

  unlock(): void {
    rmSync(this.lockFile, { force: true });
  }

  /** The credential for this server; null when there is none. A credential is never shown to another server. */
  credentialFor(server: string): Credential | null {
    const stored = readJson<Credential>(this.credentialFile);
    return stored?.server === server ? stored : null;
  }

  saveCredential(credential: Credential): void {
    writeAtomically(this.credentialFile, credential);
  }

  began(pid: number): void {
    this.saveLeader({ ...identify(pid), seen_ticks: ticksSinceBoot() });
  }

  /** Notes that the leader still lives; called now and then while it does. */
  seen(): void {
    if (this.leader === null || !isRunning(this.leader)) return;
    this.saveLeader({ ...this.leader, seen_ticks: ticksSinceBoot() });
  }

  ended(): void {
    this.leader = null;
    rmSync(this.processFile, { force: true });
  }

  /**
   * Stops the process group that an agent before this one started and, being killed, could not stop.
   * @returns the group's id when there was one to stop.
   */
  async stopLeftOver(graceMs: number): Promise<number | null> {
    const leader = readJson<LeaderIdentity>(this.processFile);
    if (leader === null) return null;
    const isOurs = leader.boot_id === bootId() && isSameGroup(leader);
    if (isOurs) await terminateGroup(leader.pid, graceMs);
    this.ended();
    return isOurs ? leader.pid : null;
  }

  /** A full disk must not stop the command: without the record only a left-over group is not found again. */
  private saveLeader(leader: LeaderIdentity): void {
    this.leader = leader;
    try {
      writeAtomically(this.processFile, leader);
    } catch (error) {
      this.log(`cannot record the process group: ${(error as Error).message}`);
    }
  }
}

/**
 * Whether the group of that id is still the one the leader made. When the leader itself is gone, a member that already
 * lived when the leader was last seen proves it: the id of a group that has members is not given away again.
 */
function isSameGroup(leader: LeaderIdentity): boolean {
  const entry = readProcess(leader.pid);
  if (entry !== null) return entry.startTicks === leader.start_ticks;
  return groupMembers(leader.pid).some(
    (member) => member.session === leader.pid && member.startTicks <= leader.seen_ticks,
  );
}

function identify(pid: number): ProcessIdentity {
  return { pid, start_ticks: readProcess(pid)?.startTicks ?? 0, boot_id: bootId() };
}

function isRunning(identity: ProcessIdentity): boolean {
  if (!hasProcfs || identity.boot_id !== bootId()) return false;
  const entry = readProcess(identity.pid);
  return entry !== null && !isDead(entry) && entry.startTicks === identity.start_ticks;
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

function writeAtomically(path: string, value: unknown): void {
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}
