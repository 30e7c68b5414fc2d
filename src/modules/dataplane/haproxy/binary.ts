import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** HAProxy could not be started, reloaded or asked. The message has its own words, without paths and addresses. */
export class HaproxyError extends Error {
  override readonly name = 'HaproxyError';
}

export interface HaproxyVersion {
  readonly major: number;
  readonly minor: number;
}

/** `add server` with health checks needs 2.6. */
const OLDEST: HaproxyVersion = { major: 2, minor: 6 };
const CHECK_TIMEOUT_MS = 60_000;

/** Version of a binary, from `haproxy -v`. @throws HaproxyError when there is none or it is too old. */
export async function probeVersion(binary: string): Promise<HaproxyVersion> {
  const { stdout } = await promisify(execFile)(binary, ['-v']).catch((error: NodeJS.ErrnoException) => {
    throw new HaproxyError(error.code === 'ENOENT' ? 'HAProxy is not installed' : 'HAProxy does not run');
  });
  const match = /version (\d+)\.(\d+)/.exec(stdout);
  if (!match) throw new HaproxyError('HAProxy does not tell its version');
  const version = { major: Number(match[1]), minor: Number(match[2]) };
  if (version.major * 100 + version.minor < OLDEST.major * 100 + OLDEST.minor) {
    throw new HaproxyError(
      `HAProxy ${OLDEST.major}.${OLDEST.minor} or newer is needed, this is ${match[1]}.${match[2]}`,
    );
  }
  return version;
}

/** What HAProxy says against a configuration. */
export interface Fault {
  /** In its own words, without paths and addresses. */
  readonly message: string;
  readonly places: readonly Place[];
}

/** A file that HAProxy speaks of, or a line of it, numbered from 1. */
export interface Place {
  readonly path: string;
  readonly line?: number;
}

/** What is wrong with a configuration by `haproxy -c`, or null when it is valid. */
export async function findFault(binary: string, file: string): Promise<Fault | null> {
  try {
    await promisify(execFile)(binary, ['-c', '-f', file], {
      maxBuffer: 16_000_000,
      timeout: CHECK_TIMEOUT_MS,
    });
    return null;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const messages = stdout + stderr;
    return { message: alerts(messages) || 'the configuration is not valid', places: placesOf(messages) };
  }
}

const alertLines = (messages: string): string[] =>
  messages.split('\n').filter((line) => line.startsWith('[ALERT]'));

function placesOf(messages: string): Place[] {
  const found = alertLines(messages).flatMap((text) => [...text.matchAll(/([\w./-]*\/[\w.-]+)(?::(\d+))?/g)]);
  return found.map(([, path, line]) => (line === undefined ? { path } : { path, line: Number(line) }));
}

/** The alerts in HAProxy's messages; file names, line numbers and addresses are left out. */
export function alerts(messages: string): string {
  const texts = alertLines(messages).map((line) =>
    line
      .replace(/^\[ALERT\]\s+\(\d+\) : (?:config : )?/, '')
      .replace(/(?:parsing )?\[[^\]]*:\d+\](?: ?: )?/g, '')
      .replace(/\/[\w./-]+/g, '…')
      .replace(/\[?\d+\.\d+\.\d+\.\d+\]?(?::\d+)?/g, '…'),
  );
  return texts.slice(0, 3).join('; ').slice(0, 500);
}
