import { newTenant, startServer, type TestServer, unique, until } from '../support/server.js';

describe('sign-in', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 60_000);
  afterAll(() => server.stop());

  const login = async (body: { email?: string; username?: string; password: string; tenant_id?: string }) => {
    const { data, error, response } = await server.client().POST('/api/auth/login', { body });
    return {
      status: response.status,
      data,
      code: error?.code,
      retryAfter: response.headers.get('retry-after'),
    };
  };
  const refresh = (token: string) =>
    server.client().POST('/api/auth/refresh', { body: { refresh_token: token } });
  const profileStatus = async (token: string) =>
    (await server.client(token).GET('/api/profile')).response.status;

  it('locks a name that does not exist just as one that does', async () => {
    const { email } = await newTenant(server);
    for (const name of [email, `${unique('nobody')}@example.com`]) {
      const answers = [];
      for (let i = 0; i < 6; i++) answers.push(await login({ email: name, password: `wrong-${i}-password` }));
      expect(answers.map((a) => a.status)).toEqual([401, 401, 401, 401, 401, 423]);
      expect(Number(answers[5]!.retryAfter)).toBeGreaterThan(800);
    }
  });

  it('lets no more guesses through when many come at once', async () => {
    const { email } = await newTenant(server);
    const answers = await Promise.all(
      Array.from({ length: 15 }, (_, i) => login({ email, password: `wrong-${i}-password` })),
    );
    expect(answers.filter((a) => a.status === 401).length).toBeLessThanOrEqual(5);
    expect(answers.filter((a) => a.status !== 401).every((a) => a.status === 423)).toBe(true);
  });

  it('counts failures anew after a success', async () => {
    const { email, password } = await newTenant(server);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3; i++)
        expect((await login({ email, password: 'wrong-password' })).status).toBe(401);
      expect((await login({ email, password })).status).toBe(200);
    }
  });

  it('says of what is no refresh token that this is what is wrong', async () => {
    expect((await refresh('refresh_session_mistyped')).error).toMatchObject({
      code: 'INVALID_REFRESH_TOKEN',
    });
    expect((await refresh('a.b.c')).error).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('gives one of many uses of a refresh token the next one, and ends the session for the rest', async () => {
    const { refreshToken } = await newTenant(server);
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)));
    const won = answers.filter((a) => a.data);
    expect(won.length).toBe(1);
    expect(await profileStatus(won[0]!.data!.token)).toBe(401);
    expect((await refresh(won[0]!.data!.refresh_token!)).response.status).toBe(401);
  });

  it('ends the other sessions, and not this one, when the password changes', async () => {
    const { email, password, token } = await newTenant(server);
    const other = (await login({ email, password })).data!;
    const client = server.client(token);
    const wrong = await client.PUT('/api/auth/password', {
      body: { current_password: 'not-it-at-all', new_password: 'a-better-password' },
    });
    expect(wrong.response.status).toBe(422);
    const changed = await client.PUT('/api/auth/password', {
      body: { current_password: password, new_password: 'a-better-password' },
    });
    expect(changed.response.status).toBe(200);
    expect(await profileStatus(other.token)).toBe(401);
    expect(await profileStatus(token)).toBe(200);
    expect((await login({ email, password })).status).toBe(401);
    expect((await login({ email, password: 'a-better-password' })).status).toBe(200);
  });

  it('never shows a password or hash', async () => {
    const { email, password, tenantId, token } = await newTenant(server);
    const raw = await fetch(`${server.api}/api/tenants/${tenantId}/users`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const text = await raw.text();
    expect(text).toContain(email);
    expect(text).not.toMatch(/argon2|password/);
    expect(text).not.toContain(password);
  });
});

describe('people of a tenant', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 60_000);
  afterAll(() => server.stop());

  it('join with the invitation’s token only, and by the domains that the tenant allows', async () => {
    const owner = await newTenant(server, 'basic');
    const email = `${unique('guest')}@example.com`;
    const path = { tenant_id: owner.tenantId };
    const invited = await server.client(owner.token).POST('/api/tenants/{tenant_id}/users', {
      params: { path },
      body: { email, role: 'viewer', name: 'Guest' },
    });
    const register = (body: { invitation_token?: string; email?: string }) =>
      server.client().POST('/api/auth/register', {
        body: { email, password: 'long-enough-1', name: 'Gu Est', tenant_id: owner.tenantId, ...body },
      });
    expect((await register({})).response.status).toBe(403);
    expect((await register({ invitation_token: 'guessed' })).response.status).toBe(403);
    const joined = await register({ invitation_token: invited.data!.invitation_token! });
    expect(joined.data?.user).toMatchObject({ tenant_id: owner.tenantId, role: 'viewer' });

    const colleague = `${unique('colleague')}@corp.example.com`;
    expect((await register({ email: colleague })).response.status).toBe(403);
    await server.client(owner.token).PUT('/api/tenants/{id}', {
      params: { path: { id: owner.tenantId } },
      body: { settings: { allow_registration_domains: ['corp.example.com'] } },
    });
    expect((await register({ email: colleague })).data?.user.role).toBe('member');
  });

  it('join with an account that exists by the invitation’s token only: whoever registered first may be anybody', async () => {
    const owner = await newTenant(server, 'basic');
    const guest = await newTenant(server);
    const invited = await server.client(owner.token).POST('/api/tenants/{tenant_id}/users', {
      params: { path: { tenant_id: owner.tenantId } },
      body: { email: guest.email, role: 'admin' },
    });
    expect(invited.data?.status).toBe('invited');
    const enter = (invitation_token?: string) =>
      server.client().POST('/api/auth/login', {
        body: {
          email: guest.email,
          password: guest.password,
          tenant_id: owner.tenantId,
          invitation_token,
        },
      });
    expect((await enter()).error).toMatchObject({ code: 'INVITATION_REQUIRED' });
    expect((await enter('guessed')).response.status).toBe(403);
    const joined = await enter(invited.data!.invitation_token!);
    expect(joined.data?.user).toMatchObject({ tenant_id: owner.tenantId, role: 'admin' });
    expect((await enter()).response.status).toBe(200);
  });

  it('may register on their own although others have invited them', async () => {
    const owner = await newTenant(server, 'basic');
    const email = `${unique('guest')}@example.com`;
    await server.client(owner.token).POST('/api/tenants/{tenant_id}/users', {
      params: { path: { tenant_id: owner.tenantId } },
      body: { email, role: 'admin' },
    });
    const password = 'long-enough-1';
    const register = () =>
      server.client().POST('/api/auth/register', { body: { email, password, name: 'G' } });
    const own = await register();
    expect(own.data?.user.role).toBe('owner');
    expect(own.data?.tenant_id).not.toBe(owner.tenantId);
    expect((await register()).response.status).toBe(409);
    const entered = await server.client().POST('/api/auth/login', {
      body: { email, password, tenant_id: owner.tenantId },
    });
    expect(entered.error).toMatchObject({ code: 'INVITATION_REQUIRED' });
  });

  it('are found by the beginning of address or name, by role and by state', async () => {
    const owner = await newTenant(server, 'basic');
    const path = { tenant_id: owner.tenantId };
    for (const [name, role] of [
      ['Grace Hopper', 'admin'],
      ['Alan_ Turing', 'viewer'],
    ] as const)
      await server.client(owner.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path },
        body: { email: `${unique(name.slice(0, 4))}@example.com`, role, name },
      });
    type Query = { search?: string; role?: 'admin' | 'owner'; status?: 'active' | 'invited' };
    const found = async (query: Query) => {
      const list = await server
        .client(owner.token)
        .GET('/api/tenants/{tenant_id}/users', { params: { path, query } });
      expect(list.response.headers.get('x-total-count')).toBe(String(list.data!.length));
      return list.data!.map((user) => user.first_name);
    };
    expect(await found({ search: 'HOP' })).toEqual(['Grace']);
    expect(await found({ search: 'grac' })).toEqual(['Grace']);
    expect(await found({ search: 'alan_' })).toEqual(['Alan_']);
    expect(await found({ search: 'a%' })).toEqual([]);
    expect(await found({ role: 'owner' })).toEqual(['Ada']);
    expect(await found({ status: 'invited', search: 'a' })).toEqual(['Alan_']);
  });

  it('keep at least one owner, also when two go at once', async () => {
    const first = await newTenant(server, 'basic');
    const email = `${unique('second')}@example.com`;
    const path = { tenant_id: first.tenantId };
    const added = await server.client(first.token).POST('/api/tenants/{tenant_id}/users', {
      params: { path },
      body: { email, role: 'owner', password: 'long-enough-1' },
    });
    const second = (
      await server.client().POST('/api/auth/login', { body: { email, password: 'long-enough-1' } })
    ).data!;
    const demote = (token: string, user_id: string) =>
      server.client(token).PUT('/api/tenants/{tenant_id}/users/{user_id}', {
        params: { path: { ...path, user_id } },
        body: { role: 'viewer' },
      });
    const [a, b] = await Promise.all([
      demote(first.token, added.data!.id),
      demote(second.token, first.userId),
    ]);
    expect([a.response.status, b.response.status].filter((s) => s === 200)).toHaveLength(1);
  });

  it('lose their sessions when they are disabled', async () => {
    const owner = await newTenant(server, 'basic');
    const email = `${unique('member')}@example.com`;
    const path = { tenant_id: owner.tenantId };
    const added = await server.client(owner.token).POST('/api/tenants/{tenant_id}/users', {
      params: { path },
      body: { email, role: 'member', password: 'long-enough-1' },
    });
    const member = (
      await server.client().POST('/api/auth/login', { body: { email, password: 'long-enough-1' } })
    ).data!;
    expect((await server.client(member.token).GET('/api/pools')).response.status).toBe(200);
    await server.client(owner.token).PUT('/api/tenants/{tenant_id}/users/{user_id}', {
      params: { path: { ...path, user_id: added.data!.id } },
      body: { disabled: true },
    });
    await until(
      'the session to end',
      async () => (await server.client(member.token).GET('/api/pools')).response.status === 401,
    );
    expect(
      (await server.client().POST('/api/auth/login', { body: { email, password: 'long-enough-1' } })).response
        .status,
    ).toBe(401);
  });
});
