import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const SCRIPT = path.resolve('ops/dask/bridge.py');

/** The real bridge agent (ops/dask/bridge.py) on a free port of the loopback interface. */
export class DaskBridgeProcess {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(python: string, scheduler: string, token: string): Promise<DaskBridgeProcess> {
    const child = spawn(python, [SCRIPT, '--scheduler', scheduler, '--port', '0'], {
      env: { PATH: process.env.PATH, DASK_BRIDGE_TOKEN: token },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += String(chunk);
    });
    const line = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => null)]);
    if (!line) throw new Error(`the bridge did not start\n${errors}`);
    return new DaskBridgeProcess(`http://127.0.0.1:${JSON.parse(String(line[0])).port}`, child);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
