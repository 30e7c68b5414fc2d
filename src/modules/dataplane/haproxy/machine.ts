import { readFileSync } from 'node:fs';

/** What Linux grants where nothing is said; elsewhere there is no file to read it from. */
const USUAL_LIMIT = 4096;
/** Descriptor tables are allocated whole: a limit of a billion, as containers have, must not be used up. */
const MOST = 1_048_576;

/** Hard limit on this process's file descriptors, which its children get, too. */
export function openFilesLimit(): number {
  try {
    const [, limit] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === 'unlimited' ? MOST : Math.min(MOST, Number(limit) || USUAL_LIMIT);
  } catch {
    return USUAL_LIMIT;
  }
}

/** User that the distribution made for HAProxy, for workers of a root process; null when there is none to change to. */
export function workerUser(): string | null {
  if (process.getuid?.() !== 0) return null;
  try {
    return /^haproxy:/m.test(readFileSync('/etc/passwd', 'utf8')) ? 'haproxy' : null;
  } catch {
    return null;
  }
}
