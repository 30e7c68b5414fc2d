import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDuration } from '../common/durations.js';
import type { AgentOptions } from './agent.js';
import { DEFAULT_CONNECTION } from './server-connection.js';
import { DEFAULT_POLICY } from './supervisor.js';

export const USAGE = `Usage: npm run agent -- --server URL [options] -- COMMAND [ARGUMENT…]

Runs COMMAND on this machine, starts it again when it dies, and makes the machine a worker of the cluster at URL.

  --server URL           the VeloFlux server, such as http://host:8080
  --token TOKEN          one-time enrolment token; needed the first time only
  --token-file FILE      the same, read from a file, so that it does not show in the process list
  --name NAME            name of the worker (default: this machine's host name)
  --state-dir DIR        where the credential is kept (default: .data/agent/NAME)
  --grace DURATION       between SIGTERM and SIGKILL when stopping COMMAND, such as 30s or 2m (default 10s)
  --max-restarts N       give COMMAND up when it dies more often than this in ten minutes (default 10)
  --help                 this text
`;

/** The command line is not as {@link USAGE} says; the message tells what is wrong. */
export class UsageError extends Error {}

export interface CommandLine {
  readonly options: AgentOptions;
  readonly stateDir: string;
}

const MAX_GRACE_MS = 3_600_000;

const FLAGS = {
  server: { type: 'string' },
  token: { type: 'string' },
  'token-file': { type: 'string' },
  name: { type: 'string' },
  'state-dir': { type: 'string' },
  grace: { type: 'string' },
  'max-restarts': { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** Reads the arguments after the program's name; null when help is asked for. @throws UsageError */
export function parseCommandLine(args: readonly string[]): CommandLine | null {
  const end = args.indexOf('--');
  const flags = parseFlags(end < 0 ? args : args.slice(0, end));
  if (flags.help) return null;
  const command = end < 0 ? [] : args.slice(end + 1);
  if (command.length === 0 || command[0] === '') throw new UsageError('give the command to run after --');
  const name = parseName(flags.name ?? hostname());
  return {
    stateDir: flags['state-dir'] ?? join('.data', 'agent', name),
    options: {
      server: parseServer(flags.server),
      token: parseToken(flags.token, flags['token-file']),
      name,
      command,
      connection: DEFAULT_CONNECTION,
      supervision: {
        ...DEFAULT_POLICY,
        graceMs: parseGrace(flags.grace),
        maxRestarts: parseRestarts(flags['max-restarts']),
      },
    },
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parseServer(text: string | undefined): string {
  if (text === undefined) throw new UsageError('--server is missing');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '') {
    throw new UsageError('--server must be an http or https URL without a user');
  }
  return url.origin;
}

/** A name is also a directory's name. */
function parseName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) return name;
  throw new UsageError(
    '--name: at most 63 letters, digits, dots, dashes and underscores, the first a letter or digit',
  );
}

function parseToken(token: string | undefined, file: string | undefined): string | null {
  if (file === undefined) return token ?? null;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`--token-file: ${(error as Error).message}`);
  }
}

function parseGrace(text: string | undefined): number {
  if (text === undefined) return DEFAULT_POLICY.graceMs;
  const ms = parseDuration(text);
  if (ms === null || ms > MAX_GRACE_MS)
    throw new UsageError('--grace must be a duration of at most 1h, such as 30s');
  return ms;
}

function parseRestarts(text: string | undefined): number {
  if (text === undefined) return DEFAULT_POLICY.maxRestarts;
  if (!/^\d{1,5}$/.test(text)) throw new UsageError('--max-restarts must be a whole number');
  return Number(text);
}
