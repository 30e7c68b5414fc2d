import { type TestDatabase, testDatabase } from '../support/database.js';
import { startServer, type TestServer, until } from '../support/server.js';
import { type Answer, send } from './call.js';
import { type Operation, operations } from './document.js';
import { kindOf, World } from './world.js';

/** In every name, label, address and description that the other tenant has. */
const CANARY = 'canary7f3a91';
/** Kinds that belong to the installation or to everybody, not to a tenant. */
const SHARED = new Set(['modelType', 'backup', 'worker', 'enrollmentToken', 'paymentEvent', 'alert']);
/** Rows that change by themselves: by the clock, by jobs, or by who signs in. */
const LIVELY = new Set(['sessions', 'telemetry_buckets', 'backend_states']);
/** What the next attempt of a delivery writes. */
const ATTEMPT = `{state, attempts, available_at, leased_until, lease_token, last_error, response_status, response_ms,
  attempted_at, delivered_at}`;

const PREDECESSORS = [
  'pool',
  'backend',
  'route',
  'apiKey',
  'webhook',
  'delivery',
  'pipeline',
  'run',
  'model',
];
const EVERYTHING = [
  ...PREDECESSORS,
  'training',
  'subscription',
  'invoice',
  'configVersion',
  'user',
  'oidcTenant',
  'certificate',
];

describe('a tenant meets what belongs to another', () => {
  let database: TestDatabase;
  let server: TestServer;
  let mine: World;
  let theirs: World;
  let before: Map<string, string>;

  beforeAll(async () => {
    database = await testDatabase();
    server = await startServer({ env: { DATABASE_URL: database.url } });
    mine = await World.create(server, 'mine');
    theirs = await World.create(server, CANARY);
    await theirs.ask('PUT', `/api/tenants/${theirs.tenant.tenantId}`, 'owner', {
      name: `Tenant ${CANARY}`,
      domain: `${CANARY}.example.com`,
    });
    for (const kind of EVERYTHING) {
      await theirs.get(kind);
      await mine.get(kind);
    }
    expect([...theirs.failures, ...mine.failures]).toEqual([]);
    await until('its training to end', async () => {
      const list = await theirs.ask<{ status: string }[]>('GET', '/api/ai/training');
      return list.every(({ status }) => !['pending', 'running'].includes(status));
    });
    before = await rows();
  }, 120_000);
  afterAll(async () => {
    await server.stop();
    await database.close();
  }, 60_000);

  /** A digest of the other tenant's rows a table. */
  async function rows(): Promise<Map<string, string>> {
    const tables = await database.sql(`
      SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace`);
    const digests = new Map<string, string>();
    for (const { name } of tables as { name: string }[]) {
      if (LIVELY.has(name)) continue;
      const [row] = await database.sql(
        `SELECT count(*) || ' ' || coalesce(md5(string_agg(row, '|' ORDER BY row)), '') AS digest
         FROM (SELECT (to_jsonb(t) - $2::text[])::text AS row FROM ${name} t WHERE tenant_id = $1) rows`,
        [theirs.tenant.tenantId, name === 'webhook_deliveries' ? ATTEMPT : '{}'],
      );
      digests.set(name, row!.digest as string);
    }
    const [own] = await database.sql('SELECT t::text AS digest FROM tenants t WHERE id = $1', [
      theirs.tenant.tenantId,
    ]);
    return digests.set('tenants', own!.digest as string);
  }

  async function call(operation: Operation, path: string, query = '', body?: unknown): Promise<Answer> {
    const text = operation.body ? JSON.stringify(body ?? {}) : undefined;
    const base = operation.path.startsWith('/admin/') ? server.admin : server.api;
    return send({
      method: operation.method,
      url: `${base}${path}${query}`,
      headers: {
        authorization: `Bearer ${await mine.token('owner')}`,
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        }),
      },
      body: text,
    });
  }

  /** What the answer says of the other tenant beyond what the request itself said. */
  const leak = (answer: Answer, ...said: string[]): string[] => {
    let text = answer.text + JSON.stringify(answer.headers);
    for (const one of said) text = text.replaceAll(one, '');
    return text.match(new RegExp(`.{0,60}(?:${CANARY}|${theirs.tenant.tenantId}).{0,60}`, 'g')) ?? [];
  };

  const open = operations.filter((o) => o.leastRole && o.leastRole !== 'superadmin');
  const addressed = open.filter((o) => o.parameters.some((p) => p.in === 'path'));
  const parameters = (o: Operation) => o.parameters.filter((p) => p.in === 'path').map((p) => p.name);

  it.each(addressed.map((o) => [o.id, o] as const))(
    '%s finds nothing under its ids',
    async (_id, operation) => {
      const kinds = parameters(operation).map((name) => [name, kindOf(operation, name)] as const);
      if (kinds.every(([, kind]) => SHARED.has(kind))) return;
      // every combination in which at least one id is theirs
      for (let which = 1; which < 2 ** kinds.length; which++) {
        let path = operation.path;
        const said: string[] = [];
        for (const [i, [name, kind]] of kinds.entries()) {
          const value = await (which & (1 << i) ? theirs : mine).get(kind);
          said.push(value);
          path = path.replace(`{${name}}`, encodeURIComponent(value));
        }
        const answer = await call(operation, path, '', bodyFor(operation));
        expect({ status: answer.status, leak: leak(answer, ...said) }).toEqual({
          status: expect.any(Number),
          leak: [],
        });
        // a version number is each tenant's own: theirs may be one of mine too
        if (!kinds.some(([, kind]) => kind === 'configVersion'))
          expect([403, 404, 422]).toContain(answer.status);
        else expect(answer.status).toBeLessThan(500);
      }
    },
  );

  const bodies: Record<string, unknown> = {};
  const bodyFor = (operation: Operation): unknown =>
    bodies[operation.id] ??
    (operation.body?.['application/json'] as { example?: unknown } | undefined)?.example ??
    {};

  it('reads nothing of it in any list, search, export or status', async () => {
    const plain = open.filter(
      (o) => o.method === 'GET' && parameters(o).length === 0 && !/logout|backup/.test(o.path),
    );
    for (const operation of plain)
      for (const query of ['', '?limit=200', `?search=${CANARY}`, `?tenant_id=${theirs.tenant.tenantId}`]) {
        const answer = await call(operation, operation.path, query);
        const found = leak(answer, query.slice(query.indexOf('=') + 1));
        expect({ id: operation.id, query, found }).toEqual({ id: operation.id, query, found: [] });
      }
  });

  it('cannot name it in a body', async () => {
    const pool = await theirs.get('pool');
    const attempts: [string, string, unknown, string[]][] = [
      ['POST', '/api/backends', { address: '192.0.2.9:80', pool }, [pool]],
      ['PUT', `/api/backends/${await mine.get('backend')}`, { pool }, [pool]],
      ['POST', '/api/routes', { host: 'isolation.example.com', pool }, [pool]],
      ['PUT', `/api/routes/${await mine.get('route')}`, { pool }, [pool]],
      ['POST', '/api/bulk/backends', { items: [{ address: '192.0.2.9:80', pool }] }, [pool]],
      ['POST', '/api/bulk/routes', { items: [{ host: 'isolation.example.com', pool }] }, [pool]],
      ['POST', '/api/ai/train', { model_type: 'load_predictor', pool }, [pool]],
      [
        'POST',
        '/api/ai/predict',
        { input: 'fine', model: await theirs.get('model') },
        [await theirs.get('model')],
      ],
      [
        'POST',
        '/api/config/validate',
        { format: 'veloflux-config/1', pools: [], routes: [{ host: 'isolation.example.com', pool }] },
        [pool],
      ],
    ];
    for (const [method, path, body, said] of attempts) {
      const text = JSON.stringify(body);
      const answer = await send({
        method,
        url: server.api + path,
        headers: {
          authorization: `Bearer ${await mine.token('owner')}`,
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        },
        body: text,
      });
      const refused = answer.status >= 400 || /"(error|errors)":\s*[[{"]/.test(answer.text);
      expect({ method, path, refused, leak: leak(answer, ...said) }).toEqual({
        method,
        path,
        refused: true,
        leak: [],
      });
    }
  });

  it('has changed none of its rows', async () => {
    const after = await rows();
    for (const [table, digest] of before)
      expect({ table, digest: after.get(table) }).toEqual({ table, digest });
  });
});
