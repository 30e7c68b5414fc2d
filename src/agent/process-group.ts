import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { groupMembers, hasProcfs } from './procfs.js';

/** How the leader of a process group ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why there never was a process, such as `spawn dask ENOENT`; null when there was one. */
  readonly error: string | null;
}

/** Makes the stream that takes one output of one process; it is ended with that output. */
export type OutputSink = (output: 'stdout' | 'stderr') => NodeJS.WritableStream;

/** How long a group may outlive SIGKILL (a process in an uninterruptible system call), ms. */
const KILL_DEADLINE_MS = 5_000;
const POLL_MS = 20;

/**
 * A command running as leader of its own session and process group, so that a signal reaches it and all that it
 * started, and nothing else.
 */
export class ProcessGroup {
  /** Also the group's id; null when the command could not be started. */
  readonly pid: number | null;
  /** Settles when the leader has ended; others of the group may still run. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** True once no process of the group lives: from then on the id may come to mean another group. */
  private isGone = false;
  private termination: Promise<void> | null = null;

  /** Starts `argv`, without a shell. */
  constructor(argv: readonly string[], sink: OutputSink) {
    const child = spawn(argv[0], argv.slice(1), { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(sink('stdout'));
    child.stderr.pipe(sink('stderr'));
    const pid = child.pid ?? null;
    this.pid = pid;
    this.ended = endOf(child).then((end) => {
      this.isGone = pid === null || !groupExists(pid);
      return end;
    });
  }

  /**
   * SIGTERM to the group; SIGKILL to what is left after `graceMs`. Resolves when no process of the group lives.
   * A second call joins the first. Rejects when the group survives SIGKILL.
   */
  terminate(graceMs: number): Promise<void> {
    this.termination ??= this.terminateOnce(graceMs).catch((error: unknown) => {
      this.termination = null;
      throw error;
    });
    return this.termination;
  }

  /** SIGKILL to the group, now. */
  kill(): void {
    if (this.pid !== null && !this.isGone) signalGroup(this.pid, 'SIGKILL');
  }

  private async terminateOnce(graceMs: number): Promise<void> {
    if (this.pid === null || this.isGone) return;
    await terminateGroup(this.pid, graceMs);
    await this.ended;
    this.isGone = true;
  }
}

/** {@link ProcessGroup.terminate} for a group by its id, also one that another process started. */
export async function terminateGroup(group: number, graceMs: number): Promise<void> {
  if (!signalGroup(group, 'SIGTERM')) return;
  if (await isGoneWithin(group, graceMs)) return;
  signalGroup(group, 'SIGKILL');
  if (await isGoneWithin(group, KILL_DEADLINE_MS)) return;
  throw new Error(`process group ${group} did not end after SIGKILL`);
}

/** Whether the group has a living process. A dead one that its parent has not reaped yet does not count. */
export function groupExists(group: number): boolean {
  return signalGroup(group, 0) && (!hasProcfs || groupMembers(group).length > 0);
}

async function isGoneWithin(group: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (groupExists(group)) {
    if (performance.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** False when the group does not exist. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    // EPERM: it exists, under another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error: error.message });
    });
    // `exit`, not `close`: a grandchild may hold the output open for ever.
    child.once('exit', (code, signal) => resolve({ code, signal, error: null }));
  });
}
