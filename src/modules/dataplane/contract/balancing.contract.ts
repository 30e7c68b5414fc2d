import type { Algorithm } from '../snapshot.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { backendOf, burst, type ClientOptions, get, poolOf, routeOf, tally, until } from './support.js';

export function describeBalancing(t: EngineUnderTest): void {
  describe('balancing', () => {
    it('round robin is even, whatever the weights', async () => {
      const servers = await t.ups('a', 'b');
      await t.use([poolOf(servers.map(({ port }, i) => backendOf(port, { weight: 1 + 9 * i })))]);
      expect(tally(await burst(t.engine, 40))).toEqual({ a: 20, b: 20 });
    });

    it('weighted round robin keeps the proportion, also of weights beyond 256', async () => {
      const servers = await t.ups('a', 'b');
      await t.use([
        poolOf(
          servers.map(({ port }, i) => backendOf(port, { weight: i === 0 ? 300 : 100 })),
          { algorithm: 'weighted_round_robin' },
        ),
      ]);
      const counts = tally(await burst(t.engine, 80));
      expect(Math.abs(counts.a - 60)).toBeLessThanOrEqual(2);
    });

    it('least connections avoids the backend that is busy', async () => {
      const held: (() => void)[] = [];
      const slow = await t.up('slow', (_request, response) => {
        held.push(() => response.setHeader('x-upstream', 'slow').end());
      });
      const [fast] = await t.ups('fast');
      await t.usePool([slow, fast], { algorithm: 'least_connections' });
      let answered = 0;
      const waiting = Array.from({ length: 6 }, async () => {
        await get(t.engine);
        answered++;
      });
      await until('each is held or answered', () => held.length > 0 && held.length + answered === 6);
      const counts = tally(await burst(t.engine, 20));
      for (const release of held) release();
      await Promise.all(waiting);
      expect(counts).toEqual({ fast: 20 });
    });

    it('ip_hash keeps a client, and when one of five backends goes, only its clients move', async () => {
      const servers = await t.ups('a', 'b', 'c', 'd', 'e');
      await t.usePool(servers, { algorithm: 'ip_hash' });
      const clients = Array.from({ length: 60 }, (_, i) => `127.0.${1 + (i % 7)}.${i + 1}`);
      const ask = async () => {
        const names = new Map<string, string>();
        for (const from of clients) names.set(from, (await get(t.engine, '/', { from })).echo.name);
        return names;
      };
      const before = await ask();
      expect(await ask()).toEqual(before);
      expect(new Set(before.values()).size).toBe(5);
      await t.usePool(servers.slice(1), { algorithm: 'ip_hash' });
      const after = await ask();
      const moved = clients.filter(
        (client) => before.get(client) !== 'a' && before.get(client) !== after.get(client),
      );
      expect(moved).toEqual([]);
      await t.usePool(servers, { algorithm: 'ip_hash' });
      expect(await ask()).toEqual(before);
    });

    it.each<Algorithm>(['random', 'least_response_time', 'adaptive_ai'])(
      '%s uses every backend',
      async (algorithm) => {
        const servers = await t.ups('a', 'b', 'c');
        await t.usePool(servers, { algorithm });
        const answers = await Promise.all(Array.from({ length: 6 }, () => burst(t.engine, 20)));
        expect(Object.keys(tally(answers.flat())).sort()).toEqual(['a', 'b', 'c']);
      },
    );

    it.each<Algorithm>(['least_connections', 'least_response_time', 'adaptive_ai'])(
      '%s gives a slow backend less of concurrent traffic',
      async (algorithm) => {
        const slow = await t.up('slow', (_request, response) => {
          setTimeout(() => response.setHeader('x-upstream', 'slow').end(), 150);
        });
        const [fast] = await t.ups('fast');
        await t.usePool([slow, fast], { algorithm });
        const answers = (await Promise.all(Array.from({ length: 4 }, () => burst(t.engine, 25)))).flat();
        const counts = tally(answers);
        expect(counts.slow + counts.fast).toBe(100);
        expect(counts.slow).toBeLessThan(40);
      },
    );

    it('a weighted split goes to the pools in proportion', async () => {
      const servers = await t.ups('old', 'new', 'never');
      const pools = servers.map((upstream, i) => poolOf([backendOf(upstream.port)], { id: `pool_${i}` }));
      await t.use(pools, [
        routeOf({
          targets: [
            { poolId: 'pool_0', weight: 90 },
            { poolId: 'pool_1', weight: 30 },
            { poolId: 'pool_2', weight: 0 },
          ],
        }),
      ]);
      const counts = tally(await burst(t.engine, 400));
      expect(counts.never).toBeUndefined();
      // Binomial with p = 1/4: beyond five standard deviations once in a million runs.
      expect(Math.abs(counts.new - 100)).toBeLessThan(45);
      expect(counts.old + counts.new).toBe(400);
    });
  });
}

export function describeSticky(t: EngineUnderTest): void {
  describe('sticky sessions', () => {
    const cookieOf = (answer: { headers: { 'set-cookie'?: string[] } }) =>
      (answer.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]).join('; ');

    it('a client stays on its backend as long as that is there', async () => {
      const servers = await t.ups('a', 'b', 'c');
      await t.usePool(servers, { stickySessions: true });
      const first = await get(t.engine);
      const cookie = cookieOf(first);
      expect(cookie).not.toBe('');
      expect(first.headers['set-cookie']?.[0]).toMatch(/HttpOnly/i);
      const options: ClientOptions = { headers: { cookie } };
      expect(tally(await burst(t.engine, 12, '/', options))).toEqual({ [first.echo.name]: 12 });

      const others = servers.filter(({ name }) => name !== first.echo.name);
      await t.usePool(others, { stickySessions: true });
      expect(tally(await burst(t.engine, 12, '/', options))[first.echo.name]).toBeUndefined();
    });

    it('a backend that was added later keeps its clients, too', async () => {
      const [a, b] = await t.ups('a', 'b');
      await t.usePool([a], { stickySessions: true });
      await t.usePool([a, b], { stickySessions: true });
      const answers = await burst(t.engine, 10);
      const second = answers.find(({ echo }) => echo.name === 'b')!;
      expect(tally(await burst(t.engine, 8, '/', { headers: { cookie: cookieOf(second) } }))).toEqual({
        b: 8,
      });
    });

    it.each([
      ['takes cookies out', { remove: ['cookie'] }, undefined],
      ['sets one of its own', { set: { Cookie: 'own=1' } }, 'own=1'],
    ])('a client stays with its backend where the route %s', async (_what, requestHeaders, seen) => {
      const servers = await t.ups('a', 'b', 'c');
      const pool = poolOf(
        servers.map(({ port }) => backendOf(port)),
        { stickySessions: true },
      );
      await t.use([pool], [routeOf({}, { requestHeaders })]);
      const first = await get(t.engine);
      const answers = await burst(t.engine, 9, '/', { headers: { cookie: `theirs=1; ${cookieOf(first)}` } });
      expect(tally(answers)).toEqual({ [first.echo.name]: 9 });
      for (const { echo } of answers) expect(echo.headers.cookie).toBe(seen);
    });

    it('a client of a split stays with its pool, also when the shares change', async () => {
      const servers = await t.ups('a', 'b');
      const pools = servers.map(({ port }, i) =>
        poolOf([backendOf(port)], { id: `pool_${i}`, stickySessions: true }),
      );
      const split = (...weights: number[]) =>
        t.use(pools, [
          routeOf({ targets: weights.map((weight, i) => ({ poolId: `pool_${i}`, weight })) }),
          routeOf({
            id: 'route_if',
            targets: weights.map((weight, i) => ({ poolId: `pool_${i}`, weight })),
            features: { match: [{ in: 'header', name: 'x-beta' }] },
          }),
        ]);
      await split(50, 50);
      const answers = await burst(t.engine, 40);
      const firsts = ['a', 'b'].map((name) => answers.find(({ echo }) => echo.name === name)!);
      const stay = async (first: (typeof answers)[number], headers = {}) =>
        tally(await burst(t.engine, 10, '/', { headers: { ...headers, cookie: cookieOf(first) } }));
      expect(await stay(firsts[0]!)).toEqual({ a: 10 });
      expect(await stay(firsts[1]!)).toEqual({ b: 10 });
      expect(await stay(firsts[1]!, { 'x-beta': '1' })).toEqual({ b: 10 });
      await split(99, 1);
      expect(await stay(firsts[1]!)).toEqual({ b: 10 });
      await split(100, 0);
      expect(await stay(firsts[1]!)).toEqual({ a: 10 });
    });

    it('draining moves sticky clients to another backend', async () => {
      const servers = await t.ups('a', 'b');
      const pool = (drained: string | null) =>
        poolOf(
          servers.map(({ port, name }) =>
            backendOf(port, { adminState: name === drained ? 'draining' : 'enabled' }),
          ),
          { stickySessions: true },
        );
      await t.use([pool(null)]);
      const first = await get(t.engine);
      const options: ClientOptions = { headers: { cookie: cookieOf(first) } };
      await t.use([pool(first.echo.name)]);
      expect(tally(await burst(t.engine, 10, '/', options))).toEqual({
        [first.echo.name === 'a' ? 'b' : 'a']: 10,
      });
    });
  });
}

export function describeAdministration(t: EngineUnderTest): void {
  describe('administration', () => {
    it.each(['draining', 'disabled'] as const)(
      'a %s backend finishes what it has and gets nothing new',
      async (adminState) => {
        let finish = (): void => {};
        const held = await t.up('held', (_request, response) => {
          finish = () => response.setHeader('x-upstream', 'held').end();
        });
        const [other] = await t.ups('other');
        await t.usePool([held]);
        const waiting = get(t.engine);
        await until('the request is in flight', () => held.inFlight === 1);
        await t.use([poolOf([backendOf(held.port, { adminState }), backendOf(other.port)])]);
        expect(tally(await burst(t.engine, 10))).toEqual({ other: 10 });
        finish();
        expect((await waiting).status).toBe(200);
      },
    );

    it('a backend can come back, at another address and with another weight', async () => {
      const [a, b, c] = await t.ups('a', 'b', 'c');
      const pool = (port: number, weight: number) => [
        poolOf([backendOf(a.port), backendOf(port, { id: 'backend_moving', weight })], {
          algorithm: 'weighted_round_robin',
        }),
      ];
      await t.use(pool(b.port, 100));
      expect(tally(await burst(t.engine, 10))).toEqual({ a: 5, b: 5 });
      await t.use(pool(c.port, 300));
      expect(tally(await burst(t.engine, 12))).toEqual({ a: 3, c: 9 });
      await t.use([poolOf([backendOf(a.port)], { algorithm: 'weighted_round_robin' })]);
      expect(tally(await burst(t.engine, 6))).toEqual({ a: 6 });
      await t.use(pool(b.port, 100));
      expect(tally(await burst(t.engine, 10))).toEqual({ a: 5, b: 5 });
    });

    it('a removed backend finishes what it has', async () => {
      const finish: (() => void)[] = [];
      const held = await t.up('held', (_request, response) => {
        finish.push(() => response.end('done'));
      });
      const [other] = await t.ups('other');
      await t.usePool([held, other], { algorithm: 'least_connections' });
      const waiting: ReturnType<typeof get>[] = [];
      await until('a request is in flight', () => {
        if (finish.length === 0) waiting.push(get(t.engine));
        return held.inFlight > 0;
      });
      await t.usePool([other], { algorithm: 'least_connections' });
      expect(tally(await burst(t.engine, 5))).toEqual({ other: 5 });
      for (const end of finish) end();
      expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([200]));
    });
  });
}
