import { request } from 'node:http';
import net from 'node:net';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { newTenant, type SignedInTenant, startServer, type TestServer } from '../support/server.js';

describe('bad input', () => {
  let database: TestDatabase;
  let server: TestServer;
  let tenant: SignedInTenant;
  beforeAll(async () => {
    database = await testDatabase();
    server = await startServer({ env: { DATABASE_URL: database.url } });
    tenant = await newTenant(server, 'enterprise');
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await database.close();
  });

  const send = async (
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(server.api + path, {
      method,
      headers: {
        authorization: `Bearer ${tenant.token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body,
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text ? JSON.parse(text) : undefined,
    };
  };
  const pools = async () => (await send('GET', '/api/pools')).body.length as number;
  const fieldsOf = (answer: { body: { details: { field: string }[] } }) =>
    answer.body.details.map((d) => d.field);

  it.each([
    ['NUL', '{"name":"a\\u0000b","algorithm":"round_robin"}', 422],
    ['a lone surrogate', '{"name":"a\\ud800","algorithm":"round_robin"}', 422],
    ['a zero-width name', '{"name":"a\\u200bb","algorithm":"round_robin"}', 422],
    ['invalid UTF-8', Buffer.from('{"name":"\xff"}', 'latin1'), 400],
    ['no JSON', '{"name":', 400],
    [
      '20,000 keys',
      JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, 1]))),
      [400, 413],
    ],
    ['4,000 levels', `${'{"a":'.repeat(4000)}1${'}'.repeat(4000)}`, 400],
    ['an array', '[]', 422],
    ['a string', '"x"', 422],
    ['null', 'null', 422],
  ])('%s is refused and nothing is stored', async (_name, body, status) => {
    const before = await pools();
    expect([status].flat()).toContain((await send('POST', '/api/pools', body)).status);
    expect(await pools()).toBe(before);
  });

  it('names the field that is wrong', async () => {
    const answer = await send(
      'POST',
      '/api/pools',
      '{"name":"ok","algorithm":"round_robin","health_check":{"path":"/h","interval":"soon"}}',
    );
    expect(answer.status).toBe(422);
    expect(fieldsOf(answer)).toEqual(['health_check.interval']);
  });

  it.each([
    'limit=-1',
    'limit=0x10',
    'limit=1e2',
    'limit=%201',
    'limit=201',
    'page=0',
    'limit=1&limit=2',
    'surprise=1',
  ])('refuses ?%s and names it', async (query) => {
    const answer = await send('GET', `/api/backends?${query}`);
    expect(answer.status).toBe(422);
    expect(fieldsOf(answer)).toEqual([query.split('=')[0]]);
  });

  it.each([
    ['DELETE', '/api/auth/login', 'POST'],
    ['PATCH', '/api/pools/web?x=1', 'DELETE, GET, HEAD, PUT'],
    ['GET', '/api/system/drain/', 'POST'],
  ])('answers %s %s, which it does not take, with what it takes', async (method, path, allow) => {
    const response = await fetch(server.api + path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
    expect(await response.json()).toMatchObject({ error: true, code: 'METHOD_NOT_ALLOWED' });
    expect((await send(method, '/api/nothing/here')).status).toBe(404);
  });

  it('says where JSON breaks, how large a body may be and which media type is taken', async () => {
    const said = async (body: string, headers = {}) =>
      (await send('POST', '/api/pools', body, headers)).body.message as string;
    expect(await said('{"name" "x"}')).toBe(
      "The body is not valid JSON: Expected ':' after property name in JSON at position 8",
    );
    expect(await said('{"name": secret}')).toBe("The body is not valid JSON: Unexpected token 's'");
    expect(await said(JSON.stringify({ name: 'x'.repeat(200_000) }))).toContain('102400 bytes');
    expect(await said('name=x', { 'content-type': 'application/x-www-form-urlencoded' })).toContain(
      'application/json',
    );
  });

  it('refuses ids that are none, and an address that is no UTF-8', async () => {
    expect((await send('GET', '/api/backends/1%20OR%201=1')).status).toBe(422);
    expect((await send('GET', '/api/pools/%ff')).status).toBe(400);
    expect((await send('GET', '/api/pools/a%00b')).status).toBe(400);
  });

  it('takes JSON in UTF-8 without a coding, and nothing else', async () => {
    const body = '{"name":"x","algorithm":"round_robin"}';
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
    ])
      expect((await send('POST', '/api/pools', body, { 'content-type': type })).status).toBe(415);
    expect((await send('POST', '/api/pools', body, { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await send('DELETE', '/api/pools/none', '', { 'content-type': 'application/json' })).status).toBe(
      404,
    );
  });

  it('refuses more than 100 headers instead of dropping some', async () => {
    const headers: Record<string, string> = { authorization: `Bearer ${tenant.token}` };
    for (let i = 0; i < 120; i++) headers[`x-filler-${i}`] = '1';
    expect((await send('GET', '/api/pools', undefined, headers)).status).toBe(431);
  });

  it('answers a broken request line with the one error body', async () => {
    const socket = net.connect(Number(new URL(server.api).port), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(text.split('\r\n\r\n')[1]!)).toMatchObject({
      error: true,
      request_id: expect.any(String),
    });
  });

  it('lets a body that drips not hold a connection for ever', async () => {
    const outcome = await new Promise<string>((ok) => {
      const slow = request(`${server.api}/api/pools`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tenant.token}`,
          'content-type': 'application/json',
          'content-length': '100',
        },
      });
      slow.on('response', (response) => ok(`status ${response.statusCode}`));
      slow.on('error', () => ok('closed'));
      slow.write('{');
    });
    expect(['closed', 'status 408']).toContain(outcome);
  }, 30_000);

  it('says of a name that is too long for an address that this is what is wrong', async () => {
    const { status, body } = await send('GET', `/api/pools/${'a'.repeat(400)}`);
    expect([status, body.code]).toEqual([414, 'URI_TOO_LONG']);
    expect(body.message).toContain('300');
  });

  it('holds an Idempotency-Key to one effect, one request and one tenant', async () => {
    const key = { 'idempotency-key': 'make-web-1' };
    const body = '{"name":"idempotent","algorithm":"round_robin"}';
    const [first, second] = [
      await send('POST', '/api/pools', body, key),
      await send('POST', '/api/pools', body, key),
    ];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    for (const name of ['etag', 'x-config-version'])
      expect([name, second.headers.get(name)]).toEqual([name, first.headers.get(name)]);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect((await send('POST', '/api/pools', '{"name":"other","algorithm":"random"}', key)).status).toBe(422);
    const other = await newTenant(server);
    const theirs = await fetch(`${server.api}/api/pools`, {
      method: 'POST',
      headers: { authorization: `Bearer ${other.token}`, 'content-type': 'application/json', ...key },
      body,
    });
    expect(theirs.status).toBe(201);
    expect(((await theirs.json()) as { id: string }).id).not.toBe(first.body.id);
  });

  it('repeats an answer with a secret, and keeps the secret nowhere in the clear', async () => {
    const key = { 'idempotency-key': 'make-key-1' };
    const create = () => send('POST', '/api/api-keys', '{"name":"deployment","role":"viewer"}', key);
    const [first, second] = [await create(), await create()];
    expect(second.body).toEqual(first.body);
    const kept = JSON.stringify(await database.sql('SELECT * FROM idempotency_keys'));
    expect(kept).toContain('make-key-1');
    expect(kept).not.toContain(first.body.key);
  });
});
