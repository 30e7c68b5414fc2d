import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import type { ConfigurationFiles } from './files.js';
import type { HaproxyEngineOptions } from './options.js';

/** What an engine chose at its start and the next one in the same directory goes on with. */
export interface Choices {
  readonly http: number;
  readonly https: number | null;
  /** UDP, for the access log. */
  readonly log: number;
  /** Stands in every access line. */
  readonly logKey: string;
}

const FILE = 'engine.json';

/** The choices of the engine's last life in this directory, or null. */
export async function readChoices(files: ConfigurationFiles): Promise<Choices | null> {
  try {
    return JSON.parse(await readFile(files.path(FILE), 'utf8')) as Choices;
  } catch {
    return null;
  }
}

/** Keeps them beside the configuration, for the next start. */
export function writeChoices(files: ConfigurationFiles, choices: Choices): void {
  files.write(FILE, JSON.stringify(choices));
}

/** An adopted HAProxy listens where it always did, and its log lines have the key that they always had. */
export async function choose(
  { host, httpPort, httpsPort = null }: HaproxyEngineOptions,
  log: number,
  before: Choices | null,
  adopted: boolean,
): Promise<Choices> {
  const port = async (wanted: number, known: number | null | undefined): Promise<number> =>
    wanted !== 0 ? wanted : ((adopted ? known : null) ?? (await freePort(host)));
  return {
    http: await port(httpPort, before?.http),
    https: httpsPort === null ? null : await port(httpsPort, before?.https),
    log,
    logKey: before?.logKey ?? randomBytes(12).toString('hex'),
  };
}

/** A port nobody uses now. HAProxy itself cannot be asked for one: it would take another with each reload. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
