import { SOCKET_COOKIE } from '../../src/platform/security/socket-cookie.js';
import { frameSchema, type Schema, violation } from '../fuzz/document.js';
import { LiveSocket, Refused } from '../support/live.js';
import { adminToken, newTenant, startServer, type TestServer, unique, until } from '../support/server.js';

const CHANNELS = ['backends', 'metrics', 'status', 'ai', 'security', 'billing', 'health', 'alerts'];

/** Frames that are not what the OpenAPI document says, with the reason. */
const undocumented = (schema: Schema, frames: readonly { type: string }[]) =>
  frames
    .filter(({ type }) => type !== 'ack')
    .map((frame) => ({ frame, wrong: violation(schema, frame) }))
    .filter(({ wrong }) => wrong !== undefined);

describe('live channels', () => {
  let server: TestServer;
  let admin: string;
  const sockets: { schema: Schema; socket: LiveSocket }[] = [];

  beforeAll(async () => {
    server = await startServer();
    admin = await adminToken(server);
  }, 60_000);
  afterEach(() => {
    const opened = sockets.splice(0);
    for (const { socket } of opened) socket.close();
    expect(opened.flatMap(({ schema, socket }) => undocumented(schema, socket.frames))).toEqual([]);
  });
  afterAll(() => server.stop());

  const open = async (path: string, options = {}) => {
    const socket = await LiveSocket.open(server.api, path, options);
    const [channel] = path.split('?');
    const documented = channel!.startsWith('/ws/') ? '/api/ws/dashboard' : channel!;
    sockets.push({ schema: frameSchema(documented), socket });
    return socket;
  };
  const refused = async (path: string, options = {}): Promise<Refused> => {
    const outcome = await open(path, options).catch((e: unknown) => e);
    expect(outcome).toBeInstanceOf(Refused);
    return outcome as Refused;
  };
  const request = (method: string, path: string, token: string, body?: unknown) =>
    fetch(server.api + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  const csrfToken = async (token: string) =>
    (await server.client(token).GET('/api/auth/csrf-token')).data!.csrf_token;
  const addBackend = async (token: string, address: string) => {
    const pool = unique('pool');
    const made = await request('POST', '/api/pools', token, { name: pool, algorithm: 'round_robin' });
    expect(made.status).toBe(201);
    const added = await request('POST', '/api/backends', token, { address, pool });
    expect(added.status).toBe(201);
    return ((await added.json()) as { id: string }).id;
  };

  it('answers the upgrade with the error body, and never opens, without a valid credential', async () => {
    for (const name of CHANNELS.filter((c) => c !== 'status' && c !== 'health')) {
      const { status, body } = await refused(`/api/ws/${name}`);
      expect({ name, status, code: body.code }).toEqual({ name, status: 401, code: 'UNAUTHORIZED' });
      expect(body.request_id).toMatch(/^req_/);
    }
    expect((await refused('/api/ws/metrics?token=forged')).status).toBe(401);
    expect((await refused('/api/ws/status?token=forged')).status).toBe(401);
  });

  it('does not know other paths, nor any on the admin port', async () => {
    expect((await refused(`/api/ws/nowhere?token=${admin}`)).status).toBe(404);
    expect((await refused(`/elsewhere?token=${admin}`)).status).toBe(404);
    const onAdmin = await LiveSocket.open(server.admin, `/api/ws/status`).catch((e: unknown) => e);
    expect((onAdmin as Refused).status).toBe(404);
  });

  it.each([...CHANNELS, 'dashboard'])(
    '%s answers its state once where no upgrade is asked for',
    async (name) => {
      const response = await request('GET', `/api/ws/${name}`, admin);
      expect(response.status).toBe(200);
      const frame = (await response.json()) as { type: string };
      expect(frame.type).toBe(name === 'dashboard' ? 'realtime_update' : name);
      expect(undocumented(frameSchema(`/api/ws/${name}`), [frame])).toEqual([]);
    },
  );

  it.each(CHANNELS)('%s sends its state first', async (name) => {
    const { token } = await newTenant(server);
    const socket = await open(`/api/ws/${name}?token=${token}`);
    await socket.next('the state', () => true);
    expect(socket.frames[0]).toMatchObject({ type: name, timestamp: expect.any(String) });
  });

  it('takes the token as header, subprotocol and cookie of the own origin, and of no other', async () => {
    const { token } = await newTenant(server);
    await open('/api/ws/metrics', { headers: { authorization: `Bearer ${token}` } });
    const { socket } = await open('/api/ws/metrics', { protocols: ['bearer', token] });
    expect(socket.protocol).toBe('bearer');
    const cookie = `${SOCKET_COOKIE}=${token}`;
    await open('/api/ws/metrics', { headers: { cookie, origin: server.api } });
    for (const origin of ['https://evil.example.com', undefined, 'null']) {
      const headers = { cookie, ...(origin && { origin }) };
      expect((await refused('/api/ws/metrics', { headers })).body.code).toBe('ORIGIN_NOT_ALLOWED');
    }
  });

  it('tells a tenant and superadmins what changed in its backends, and nobody else', async () => {
    const [mine, other] = await Promise.all([newTenant(server), newTenant(server)]);
    const [own, foreign, all] = await Promise.all(
      [mine.token, other.token, admin].map((token) => open(`/api/ws/backends?token=${token}`)),
    );
    const id = await addBackend(mine.token, '192.0.2.44:8080');
    for (const socket of [own!, all!]) {
      const frame = await socket.next('the new backend', (f) => JSON.stringify(f).includes(id));
      expect(frame).toMatchObject({
        type: 'backends_update',
        data: { tenant_id: mine.tenantId, removed: [] },
      });
      expect(socket.frames[0]!.type).toBe('backends');
    }
    await request('DELETE', `/api/backends/${id}`, mine.token);
    const gone = await own!.next('the removal', (f) => JSON.stringify(f).includes('"removed":["'));
    expect(gone.data).toMatchObject({ updated: [], removed: [id] });
    expect(JSON.stringify(foreign!.frames)).not.toContain('192.0.2.44');
  });

  it('shows security events to their tenant and to superadmins', async () => {
    const [mine, other] = await Promise.all([newTenant(server), newTenant(server)]);
    const [own, foreign, all] = await Promise.all(
      [mine.token, other.token, admin].map((token) => open(`/api/ws/security?token=${token}`)),
    );
    const attempt = { email: mine.email, password: 'not-the-password' };
    expect((await server.client().POST('/api/auth/login', { body: attempt })).response.status).toBe(401);
    const isIt = (f: { data: unknown }) =>
      JSON.stringify(f.data).includes('auth.login_failed') && JSON.stringify(f.data).includes(mine.email);
    await Promise.all([own!, all!].map((socket) => socket.next('the event', isIt)));
    expect(foreign!.frames.some(isIt)).toBe(false);
  });

  it('ends the sockets of a session with it, and leaves the others', async () => {
    const { token, email, password } = await newTenant(server);
    const again = await server.client().POST('/api/auth/login', { body: { email, password } });
    const [ending, staying] = await Promise.all(
      [token, again.data!.token].map((each) => open(`/api/ws/metrics?token=${each}`)),
    );
    await request('POST', '/api/auth/logout', token);
    expect((await ending!.nextClose(3000)).code).toBe(4401);
    expect(staying!.closed).toBeNull();
  });

  it('ends the sockets of somebody who was removed, and of a suspended tenant', async () => {
    const { tenantId, token } = await newTenant(server);
    const email = `${unique('member')}@example.com`;
    const password = 'a-long-enough-password';
    const people = `/api/tenants/${tenantId}/users`;
    const added = await request('POST', people, token, { email, role: 'member', password });
    const { id } = (await added.json()) as { id: string };
    const member = await server.client().POST('/api/auth/login', { body: { email, password } });
    const theirs = await open(`/api/ws/backends?token=${member.data!.token}`);
    const owners = await open(`/api/ws/backends?token=${token}`);
    expect((await request('DELETE', `${people}/${id}`, token)).status).toBe(204);
    expect((await theirs.nextClose(3000)).code).toBe(4401);
    expect(owners.closed).toBeNull();
    await request('PUT', `/api/tenants/${tenantId}`, admin, { status: 'suspended' });
    expect((await owners.nextClose(3000)).code).toBe(4401);
  });

  it('answers any message and survives what is no JSON; too many messages end it', async () => {
    const socket = await open('/api/ws/status');
    socket.socket.send('{not json');
    await socket.next('an answer', (f) => f.type === 'ack');
    for (let i = 0; i < 60; i++) socket.socket.send('{}');
    expect((await socket.nextClose()).code).toBe(4429);
  });

  it('closes on a message that is too large', async () => {
    const socket = await open('/api/ws/status');
    socket.socket.send('x'.repeat(20_000));
    expect((await socket.nextClose()).code).toBe(1009);
  });

  it('pauses and resumes a channel, and changes its interval', async () => {
    const socket = await open('/api/ws/metrics', { protocols: ['bearer', admin] });
    await socket.next('the first frame', () => true);
    const control = (body: unknown) => request('POST', '/api/ws/control', admin, body);
    expect((await control({ action: 'pause', channel: 'metrics' })).status).toBe(200);
    const paused = socket.frames.length;
    await request('POST', '/api/ws/force-update', admin);
    const status = await open('/api/ws/status');
    await status.next('a frame of another channel', () => true);
    expect(socket.frames.length).toBe(paused);
    await control({ action: 'set_interval', channel: 'metrics', interval_ms: 250 });
    const resumed = await control({ action: 'resume', channel: 'metrics' });
    expect(await resumed.json()).toMatchObject({
      control: 'ok',
      channels: [{ name: 'metrics', paused: false, interval_ms: 250 }],
    });
    await until('three frames', () => socket.frames.length >= paused + 3);
    expect((await control({ action: 'set_interval', channel: 'security', interval_ms: 500 })).status).toBe(
      422,
    );
    expect((await control({ action: 'set_interval', channel: 'metrics', interval_ms: 1 })).status).toBe(422);
  });

  describe('the dashboard socket', () => {
    it('opens with a CSRF token once, for superadmins', async () => {
      const id = unique('dashboard');
      const token = await csrfToken(admin);
      const socket = await open(`/ws/${id}?csrf_token=${token}`);
      const frame = await socket.next('an update', (f) => f.type === 'realtime_update');
      expect(frame.data).toMatchObject({
        system_metrics: { cpu_percent: expect.any(Number) },
        workers_count: 0,
      });
      const { data } = await server.client(admin).GET('/api/ws/connections');
      expect(data!.clients.map((c) => c.client_id)).toContain(id);
      expect((await refused(`/ws/${id}?csrf_token=${token}`)).status).toBe(401);
      const { token: tenants } = await newTenant(server);
      expect((await refused(`/ws/${id}?csrf_token=${await csrfToken(tenants)}`)).status).toBe(403);
      expect((await refused(`/ws/${id}`)).status).toBe(401);
    });

    it('ends with the session', async () => {
      const login = await server
        .client()
        .POST('/api/auth/login', { body: { username: 'admin', password: 'admin123' } });
      const mine = login.data!.token;
      const socket = await open(`/ws/${unique('d')}?csrf_token=${await csrfToken(mine)}`);
      await request('POST', '/api/auth/logout', mine);
      expect((await socket.nextClose(3000)).code).toBe(4401);
    });
  });

  it('lists a tenant its own connections only', async () => {
    const { token, tenantId } = await newTenant(server);
    await open(`/api/ws/metrics?token=${token}`);
    await open('/api/ws/status');
    const { data } = await server.client(token).GET('/api/ws/connections');
    expect(data).toMatchObject({
      active_connections: 1,
      clients: [{ channel: 'metrics', tenant_id: tenantId }],
    });
  });

  it('says goodbye when it stops', async () => {
    const other = await startServer();
    const socket = await LiveSocket.open(other.api, '/api/ws/status');
    expect(await other.stop()).toBe(0);
    expect((await socket.nextClose()).code).toBe(1001);
  }, 60_000);
});
