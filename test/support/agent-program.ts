import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compileTo } from './compile-to.js';

const ROOT = resolve(__dirname, '../..');
/** All that the agent imports of this repository. */
const SOURCES = ['agent', 'common'];

/**
 * The agent as a program of its own, compiled from the sources as they are (types are not checked), so that a test
 * can kill it. Remove it with {@link AgentProgram.remove}.
 */
export class AgentProgram {
  readonly directory = mkdtempSync(join(tmpdir(), 'agent-program-'));
  private readonly entry = join(this.directory, 'src/agent/main.js');
  private readonly running = new Set<AgentRun>();

  constructor() {
    for (const folder of SOURCES) compileTo(join(ROOT, 'src', folder), join(this.directory, 'src', folder));
  }

  run(...args: string[]): AgentRun {
    const run = new AgentRun(spawn(process.execPath, [this.entry, ...args], { cwd: this.directory }));
    this.running.add(run);
    return run;
  }

  /** Stops the agents that still run, each of which stops its command, and removes the files. */
  async remove(): Promise<void> {
    await Promise.all([...this.running].map((run) => run.end('SIGTERM')));
    rmSync(this.directory, { recursive: true });
  }
}

export class AgentRun {
  /** What it wrote so far, both outputs. */
  output = '';
  readonly exited: Promise<number | null>;

  constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += String(chunk);
      });
    }
    this.exited = new Promise((done) => child.once('exit', (code) => done(code)));
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends the signal and waits for the end; gives the exit code, null when a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }
}
