import fs from 'node:fs/promises';
import path from 'node:path';

export interface DirectoryClaim {
  release(): Promise<void>;
}

/** Start time of a process in clock ticks since boot (proc(5), field 22): tells a reused pid from the old one. */
async function startTime(pid: number): Promise<string | null> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat ? (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null) : null;
}

async function isRunning(pid: number, started: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await startTime(pid);
  return now === null || started === '' || now === started;
}

/**
 * Makes this process the only owner of a data directory until it releases it or ends.
 * @throws when a running process holds it; its pid is named
 */
export async function claimDirectory(dir: string): Promise<DirectoryClaim> {
  const file = path.join(dir, 'owner.pid');
  const mine = `${process.pid} ${(await startTime(process.pid)) ?? ''}`;
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await fs.writeFile(file, mine, { flag: 'wx' });
      return { release: () => fs.rm(file, { force: true }) };
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
    }
    const [pid = '', started = ''] = (await fs.readFile(file, 'utf8').catch(() => '')).split(' ');
    if (Number(pid) && (await isRunning(Number(pid), started)))
      throw new Error(`${dir} is in use by process ${pid}. Stop it, or set DATA_DIR to another directory.`);
    await fs.rm(file, { force: true });
  }
  throw new Error(`${dir} could not be claimed`);
}
