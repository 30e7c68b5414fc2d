import { newTenant, startServer, type TestServer } from '../support/server.js';

describe('Plan limits over HTTP', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 60_000);
  afterAll(() => server.stop());

  it('lets one of 100 routes at once through when one is left, and names the plan that lifts the limit', async () => {
    const tenant = await newTenant(server);
    const client = server.client(tenant.token);
    const plans = await client.GET('/api/billing/plans');
    const max = plans.data!.find((p) => p.id === 'free')!.limits.max_routes!;
    await client.POST('/api/pools', {
      body: { name: 'web', algorithm: 'round_robin', sticky_sessions: false },
    });
    const create = (i: number) =>
      client.POST('/api/routes', {
        body: { host: `r${i}.${tenant.tenantId.slice(-8)}.example.com`, pool: 'web' },
      });
    for (let i = 1; i < max; i++) expect((await create(i)).response.status).toBe(201);

    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => create(1000 + i)));
    const made = answers.filter((a) => a.response.status === 201);
    const refused = answers.filter((a) => a.response.status === 403);
    expect([made.length, refused.length]).toEqual([1, 99]);
    for (const { error } of refused) {
      expect(error!.code).toBe('PLAN_LIMIT_REACHED');
      expect(error!.message).toBe(`At most ${max} routes on the plan 'free'; the plan 'basic' allows more`);
    }
    const routes = await client.GET('/api/routes');
    expect(routes.data).toHaveLength(max);
  });
});
