import { Agent } from './agent.js';
import { type CommandLine, parseCommandLine, USAGE, UsageError } from './cli.js';
import { EnrollmentRefused } from './enrollment.js';
import { LinePrefix } from './line-prefix.js';
import type { OutputSink } from './process-group.js';
import { AgentAlreadyRunning, StateDir } from './state-dir.js';

/** Exit codes: 0 stopped when told, 1 cannot work (refused, already running), 2 wrong usage. */
const CANNOT_WORK = 1;
const WRONG_USAGE = 2;

function log(message: string): void {
  process.stderr.write(`${new Date().toISOString()} [agent] ${message}\n`);
}

async function run({ options, stateDir }: CommandLine): Promise<void> {
  const sink: OutputSink = (output) => {
    const prefix = new LinePrefix(`[${options.name}] `);
    prefix.pipe(process[output], { end: false });
    return prefix;
  };
  const state = new StateDir(stateDir, log);
  state.lock();
  const agent = new Agent(options, state, sink, log);
  process.on('exit', () => {
    agent.kill();
    state.unlock();
  });
  stopOnSignals(agent);
  await agent.run();
}

/** The first signal stops in order, a second one at once. */
function stopOnSignals(agent: Agent): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(CANNOT_WORK);
      isStopping = true;
      log(`${signal}: stopping`);
      void agent.stop();
    });
  }
}

/** Whoever read this program's output may be gone; the command must not die of that. */
function surviveLostOutput(): void {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
}

try {
  surviveLostOutput();
  if (process.platform === 'win32') throw new UsageError('the agent needs POSIX process groups');
  const commandLine = parseCommandLine(process.argv.slice(2));
  if (commandLine === null) process.stdout.write(USAGE);
  else await run(commandLine);
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exitCode = WRONG_USAGE;
  } else if (error instanceof EnrollmentRefused || error instanceof AgentAlreadyRunning) {
    log(error.message);
    process.exitCode = CANNOT_WORK;
  } else if ((error as Error).name !== 'AbortError') {
    throw error;
  }
}
