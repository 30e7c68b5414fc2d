import { readdirSync, readFileSync } from 'node:fs';

/** One process as `/proc/<pid>/stat` has it (proc_pid_stat(5)). */
export interface ProcessEntry {
  readonly pid: number;
  /** `Z` and `X` are dead and only wait to be reaped. */
  readonly state: string;
  readonly group: number;
  readonly session: number;
  /** When it started, in clock ticks since boot: with the pid, an identity that a reused pid does not have. */
  readonly startTicks: number;
}

/** Clock ticks a second of the figures in /proc: fixed at 100 in Linux' interface to programs (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Whether this system has the /proc that the functions below read. Elsewhere they find nothing. */
export const hasProcfs = process.platform === 'linux';

/** The process with this id, null when there is none (or no /proc). */
export function readProcess(pid: number): ProcessEntry | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    state: fields[0],
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
  };
}

/** Living processes of the process group. */
export function groupMembers(group: number): ProcessEntry[] {
  if (!hasProcfs) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((entry): entry is ProcessEntry => entry !== null && entry.group === group && !isDead(entry));
}

/** A zombie, or one that is being removed (proc_pid_stat(5)): it runs no more, though its pid is still there. */
export function isDead(entry: ProcessEntry): boolean {
  return entry.state === 'Z' || entry.state === 'X';
}

/** Identity of this boot of the machine: pids and start times mean nothing across boots. Null without /proc. */
export function bootId(): string | null {
  return readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

/** Clock ticks since boot, the clock of {@link ProcessEntry.startTicks}; 0 without /proc. */
export function ticksSinceBoot(): number {
  return Math.floor(Number.parseFloat(readOrNull('/proc/uptime') ?? '0') * TICKS_PER_SECOND);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
