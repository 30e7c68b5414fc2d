import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEngine } from '../engine.contract.js';
import { HaproxyEngine } from './haproxy-engine.js';

const directories: string[] = [];

if (haproxyIsInstalled()) {
  describeEngine('the HAProxy engine', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vf-haproxy-'));
    directories.push(directory);
    return new HaproxyEngine({ directory, host: '127.0.0.1', httpPort: 0, pollMs: 100, weightStepMs: 500 });
  });
  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });
} else {
  it.skip('the HAProxy engine: skipped, the haproxy binary is not installed', () => {});
}

function haproxyIsInstalled(): boolean {
  try {
    execFileSync('haproxy', ['-v']);
    return true;
  } catch {
    return false;
  }
}
