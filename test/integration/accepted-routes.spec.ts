import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import {
  describeWithHaproxy,
  removeTemporaryDirectories,
  temporaryDirectory,
} from '../../src/modules/dataplane/contract/haproxy.js';
import { validateSlice } from '../../src/modules/dataplane/embedded/config/validate-slice.js';
import { filesOf, render } from '../../src/modules/dataplane/haproxy/render.js';
import type { TenantSlice } from '../../src/modules/dataplane/snapshot.js';
import { fc } from '../support/property.js';
import { accepted, ODD_REQUESTS } from '../support/route-requests.js';

const OPTIONS = {
  host: '127.0.0.1',
  httpPort: 8088,
  httpsPort: null,
  publicHttpsPort: 443,
  defaultCertificate: null,
  statsSocket: '/run/veloflux/stats.1.sock',
  logAddress: '127.0.0.1:5514',
  logKey: 'key',
  user: null,
  stateFile: '/run/veloflux/server-state',
  maxConnections: 4000,
  openFilesLimit: 20_000,
  threads: null,
  cookieKey: 'key',
  hardStopAfterSeconds: 900,
};

const haproxyFiles = (slice: TenantSlice) =>
  filesOf(render({ version: 1, tenants: new Map([[slice.tenantId, slice]]) }, OPTIONS));

/** A snapshot that an engine refuses holds up the tenant's every later change. */
describe('a route that the API takes', () => {
  it.each(Object.entries(ODD_REQUESTS))(
    'can be run by both engines with any %s',
    async (_respect, requests) => {
      let taken = 0;
      await fc.assert(
        fc.asyncProperty(requests, async (request) => {
          const slice = await accepted(request);
          if (!slice) return;
          taken++;
          validateSlice(slice);
          haproxyFiles(slice);
        }),
        { numRuns: 3000 },
      );
      // it would prove nothing if hardly anything were accepted
      expect(taken).toBeGreaterThan(20);
    },
  );
});

describeWithHaproxy('a route that the API takes, for HAProxy itself', () => {
  afterAll(removeTemporaryDirectories);

  it('is one that it takes', async () => {
    const requests = Object.values(ODD_REQUESTS).flatMap((some) => fc.sample(some, 1000));
    const slices = (await Promise.all(requests.map(accepted))).filter((slice) => slice !== null);
    // one configuration with all of them, each on a host of its own
    const all = {
      tenantId: 'tenant_a',
      pools: slices[0]!.pools,
      routes: slices.map(({ routes: [route] }, i) => ({
        ...route!,
        id: `route_${i}`,
        host: `h${i}.example.com`,
      })),
    };
    const directory = temporaryDirectory();
    for (const [name, content] of haproxyFiles(all)) {
      const file = path.join(directory, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    const { stdout, stderr } = await promisify(execFile)('haproxy', ['-c', '-f', directory], {
      cwd: directory,
    });
    expect(stdout + stderr).toContain('Configuration file is valid');
    expect(all.routes.length).toBeGreaterThan(400);
  });
});
