import fs from 'node:fs/promises';
import http from 'node:http';
import Module from 'node:module';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { EmbeddedPostgres } from '../../src/platform/database/embedded-postgres.js';

/** Jest maps `.js` to `.ts` in tests only, not here. */
function resolveTypeScript(): void {
  const loader = Module as unknown as { _resolveFilename(request: string, ...rest: unknown[]): string };
  const resolve = loader._resolveFilename;
  loader._resolveFilename = function (request, ...rest) {
    try {
      return resolve.call(this, request, ...rest);
    } catch (e) {
      if (!/^\..*\.js$/.test(request)) throw e;
      return resolve.call(this, request.replace(/\.js$/, '.ts'), ...rest);
    }
  };
}

/**
 * One PostgreSQL a test run, in the process that outlives all workers. It starts when the first test asks for its
 * address, so that runs without a database pay nothing.
 */
export default async function globalSetup(): Promise<void> {
  resolveTypeScript();
  const { startEmbeddedPostgres } = await import('../../src/platform/database/embedded-postgres.js');
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'veloflux-test-'));
  await fs.chmod(dataDir, 0o755); // as root, PostgreSQL runs under an account of its own
  let postgres: Promise<EmbeddedPostgres> | undefined;
  const start = () => {
    const settings = {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: 300,
    };
    postgres ??= startEmbeddedPostgres({ dataDir, settings });
    return postgres;
  };
  const server = http.createServer((_request, response) => {
    // a connection that is kept ends while a spec compiles its imports, and the next one to ask meets a dead one
    response.shouldKeepAlive = false;
    start().then(
      ({ url }) => response.end(url),
      (e: Error) => response.writeHead(500).end(e.message),
    );
  });
  await new Promise<void>((ok) => server.listen(0, '127.0.0.1', ok));
  process.env.TEST_POSTGRES = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  (globalThis as { stopTestPostgres?: () => Promise<void> }).stopTestPostgres = async () => {
    server.close();
    server.closeAllConnections();
    await (await postgres)?.stop();
    await fs.rm(dataDir, { recursive: true, force: true });
  };
}
