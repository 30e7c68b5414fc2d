import { readFileSync } from 'node:fs';
import { newId } from '../../src/common/ids.js';
import { type Permission, ROLES, type Role, roleAllows } from '../../src/common/permissions.js';
import { adminToken, newTenant, startServer, type TestServer, unique } from '../support/server.js';

interface Operation {
  'x-public'?: boolean;
  'x-permission'?: Permission;
}
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
};
const guarded = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method, operation]) => METHODS.includes(method) && operation['x-permission'])
    .map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      permission: operation['x-permission']!,
    })),
);
/** Allowed calls of these would end the session, stop the node or replace the data that the test stands on. */
const HAVE_EFFECT = /logout|\/system\/|\/restore|\/reload|\/import|\/backup/;

const PREFIX: Record<string, Parameters<typeof newId>[0]> = { tenant_id: 'tenant', user_id: 'user' };
const fill = (path: string) => path.replace(/\{(\w+)\}/g, (_, name: string) => newId(PREFIX[name] ?? 'pool'));

describe('who may call what', () => {
  let server: TestServer;
  const tokens = new Map<Role, string>();

  beforeAll(async () => {
    server = await startServer();
    const owner = await newTenant(server, 'enterprise');
    tokens.set('owner', owner.token);
    tokens.set('superadmin', await adminToken(server));
    for (const role of ['viewer', 'member', 'admin'] as const) {
      const email = `${unique(role)}@example.com`;
      const password = 'secure_password';
      const params = { path: { tenant_id: owner.tenantId } };
      await server
        .client(owner.token)
        .POST('/api/tenants/{tenant_id}/users', { params, body: { email, role, password } });
      const { data } = await server.client().POST('/api/auth/login', { body: { email, password } });
      tokens.set(role, data!.token);
    }
  }, 60_000);
  afterAll(() => server.stop());

  const call = async (method: string, path: string, token?: string) => {
    const base = path.startsWith('/admin/') ? server.admin : server.api;
    const hasBody = method !== 'GET' && method !== 'DELETE';
    const response = await fetch(base + fill(path), {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(hasBody && { 'content-type': 'application/json' }),
      },
      ...(hasBody && { body: '{}' }),
      redirect: 'manual',
    });
    const body = await response.text();
    return {
      status: response.status,
      code: /"code":"(\w+)"/.exec(body)?.[1],
    };
  };

  it.each(guarded)('$method $path needs $permission', async ({ method, path, permission }) => {
    expect((await call(method, path)).status).toBe(401);
    for (const role of ROLES) {
      const allowed = roleAllows(role, permission);
      if (allowed && HAVE_EFFECT.test(path)) continue;
      const { status, code } = await call(method, path, tokens.get(role));
      expect({ role, refused: status === 401 || (status === 403 && code === 'FORBIDDEN') }).toEqual({
        role,
        refused: !allowed,
      });
    }
  });

  it('a superadmin works in the tenant that X-Tenant-Id names, and is told when there is none', async () => {
    const other = await newTenant(server);
    const pool = { name: 'theirs', algorithm: 'round_robin' as const };
    await server.client(other.token).POST('/api/pools', { body: pool });
    const listed = async (tenantId: string, token = tokens.get('superadmin')!) => {
      const headers = { authorization: `Bearer ${token}`, 'x-tenant-id': tenantId };
      const response = await fetch(`${server.api}/api/pools`, { headers });
      return { status: response.status, body: await response.json() };
    };
    expect(await listed(other.tenantId)).toMatchObject({ status: 200, body: [{ name: 'theirs' }] });
    for (const strange of ['nobody', newId('tenant')])
      expect(await listed(strange)).toMatchObject({
        status: 422,
        body: { details: [{ field: 'X-Tenant-Id' }] },
      });
    // for others the header changes nothing
    expect((await listed(other.tenantId, tokens.get('owner'))).body).toEqual([]);
  });
});
