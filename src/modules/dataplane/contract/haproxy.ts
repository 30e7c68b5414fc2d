import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether tests can run HAProxy here. */
export function haproxyIsInstalled(): boolean {
  try {
    execFileSync('haproxy', ['-v']);
    return true;
  } catch {
    return false;
  }
}

/** `describe` where HAProxy is installed, else the tests are skipped and say why. */
export function describeWithHaproxy(name: string, tests: () => void): void {
  if (haproxyIsInstalled()) describe(name, tests);
  else it.skip(`${name}: skipped, the haproxy binary is not installed`, () => {});
}

/** A directory that is removed after the tests of the file. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vf-haproxy-'));
  directories.push(directory);
  return directory;
}

const directories: string[] = [];

/** Call in afterAll. */
export function removeTemporaryDirectories(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}
