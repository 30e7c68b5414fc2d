import { readFileSync } from 'node:fs';
import { startServer, type TestServer } from '../support/server.js';

const ORIGIN = 'https://app.example.com';

describe('pages on other origins', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ env: { CORS_ORIGINS: ORIGIN } });
  }, 60_000);
  afterAll(() => server.stop());

  const ask = (method: string, path: string, origin = ORIGIN, headers = {}) =>
    fetch(server.api + path, { method, headers: { origin, ...headers } });
  const listed = (response: Response, name: string) =>
    (response.headers.get(name) ?? '').toLowerCase().split(', ');

  it('may send every header field that the document names', async () => {
    const document = JSON.parse(readFileSync('openapi.json', 'utf8'));
    const operations = Object.values<Record<string, { parameters?: { in: string; name: string }[] }>>(
      document.paths,
    ).flatMap((item) => Object.values(item));
    const named = operations.flatMap(({ parameters = [] }) =>
      parameters.filter((p) => p.in === 'header').map(({ name }) => name.toLowerCase()),
    );
    const preflight = await ask('OPTIONS', '/api/pools', ORIGIN, { 'access-control-request-method': 'PUT' });
    // Stripe's servers send theirs
    const missing = named.filter((name) => name !== 'stripe-signature');
    expect(preflight.status).toBe(204);
    expect(listed(preflight, 'access-control-allow-headers')).toEqual(expect.arrayContaining(missing));
  });

  it('may read what an answer says of itself', async () => {
    expect(listed(await ask('GET', '/health'), 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(['idempotent-replayed', 'content-disposition', 'content-digest', 'allow']),
    );
  });

  it.each([
    ['PATCH', '/health', 405],
    ['GET', '/api/pools?page=%ff', 400],
    ['GET', '/nowhere', 404],
  ])('may read that %s %s failed', async (method, path, status) => {
    const response = await ask(method, path);
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([status, ORIGIN]);
  });

  it('learn what an address takes by OPTIONS, also from an origin that may not read answers', async () => {
    const foreign = await ask('OPTIONS', '/api/pools', 'https://other.example.com', {
      'access-control-request-method': 'PUT',
    });
    expect([foreign.status, foreign.headers.get('allow')]).toEqual([204, 'GET, HEAD, POST']);
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    expect((await ask('OPTIONS', '/nowhere', 'https://other.example.com')).status).toBe(404);
  });
});
