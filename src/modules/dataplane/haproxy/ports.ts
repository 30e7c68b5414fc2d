import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import type { ConfigurationFiles } from './files.js';

/** What an engine found out at its start and the next one in the same directory goes on with. */
export interface Ports {
  readonly http: number;
  readonly https: number | null;
  /** UDP, for the access log. */
  readonly log: number;
}

const FILE = 'ports.json';

/** The ports of the engine's last life in this directory, or null. */
export async function readPorts(files: ConfigurationFiles): Promise<Ports | null> {
  try {
    return JSON.parse(await readFile(files.path(FILE), 'utf8')) as Ports;
  } catch {
    return null;
  }
}

export function writePorts(files: ConfigurationFiles, ports: Ports): Promise<void> {
  return files.write(FILE, JSON.stringify(ports));
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
