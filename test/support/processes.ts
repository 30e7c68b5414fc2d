import { readdirSync, readFileSync } from 'node:fs';

const numbers = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** A process and all below it: PostgreSQL's backends have sessions of their own. Linux only. */
export function family(pid: number): number[] {
  const parents = numbers().flatMap((one) => {
    try {
      const stat = readFileSync(`/proc/${one}/stat`, 'utf8');
      return [[one, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const];
    } catch {
      return [];
    }
  });
  const below = (of: number): number[] =>
    parents.filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)]);
  return [pid, ...below(pid)];
}

/** HAProxy's master and workers that were started in this data directory, whoever their parent is by now. */
export function haproxiesOf(dataDir: string): number[] {
  return numbers().filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return command[0]!.endsWith('haproxy') && command.some((part) => part.includes(dataDir));
    } catch {
      return false;
    }
  });
}

/** kill -9, also of those that are gone already. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL');
    } catch {}
}
