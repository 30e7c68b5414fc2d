import { createHash, randomBytes } from 'node:crypto';
import type { Schema } from '../../client/index.js';
import { Browser } from '../support/browser.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { HostileProvider, type Signature } from '../support/hostile-provider.js';
import { OidcProvider, type ProviderAccounts } from '../support/oidc-provider.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  unique,
} from '../support/server.js';

type Settings = Partial<Schema['OidcConfigRequest']>;
interface Site extends SignedInTenant {
  /** E-mail domain of the tenant. */
  domain: string;
  login: string;
  callback: string;
}
interface Answer {
  status: number;
  body: Schema['SessionResponse'] & { code?: string; error?: boolean; message: string; request_id?: string };
}

const SECRET = 'a-client-secret-that-nobody-sees';

describe('single sign-on', () => {
  let db: TestDatabase;
  let server: TestServer;
  let provider: OidcProvider;
  let hostile: HostileProvider;
  beforeAll(async () => {
    db = await testDatabase();
    [provider, hostile] = await Promise.all([OidcProvider.start(), new HostileProvider().start()]);
    server = await startServer({ env: { DATABASE_URL: db.url, OUTGOING_EXCEPTIONS: '127.0.0.1' } });
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await Promise.all([provider.stop(), hostile.stop()]);
    await db.close();
  });

  /** A tenant with its own e-mail domain. */
  async function site(): Promise<Site> {
    const tenant = await newTenant(server, 'enterprise');
    const domain = `${unique('corp')}.example.com`;
    const path = `${server.api}/api/auth/oidc/${tenant.tenantId}`;
    const changed = await server.client(tenant.token).PUT('/api/tenants/{id}', {
      params: { path: { id: tenant.tenantId } },
      body: { settings: { allow_registration_domains: [domain] } },
    });
    expect(changed.response.status).toBe(200);
    return { ...tenant, domain, login: `${path}/login`, callback: `${path}/callback` };
  }

  const put = (at: Site, body: Schema['OidcConfigRequest']) =>
    server
      .client(at.token)
      .PUT('/api/tenants/{tenant_id}/oidc/config', { params: { path: { tenant_id: at.tenantId } }, body });

  /** A tenant whose provider is the real one, which knows these people. */
  async function realSite(accounts: (domain: string) => ProviderAccounts, settings: Settings = {}) {
    const at = await site();
    const client = { client_id: 'client', client_secret: SECRET, redirect_uris: [at.callback] };
    await provider.configure([client], accounts(at.domain));
    const body = { provider_url: provider.url, client_id: 'client', client_secret: SECRET, ...settings };
    expect((await put(at, body)).response.status).toBe(200);
    return at;
  }

  const ada = (domain: string) => ({
    sub: 'ada-1',
    email: `ada@${domain}`,
    email_verified: true,
    given_name: 'Ada',
    family_name: 'Byron',
  });
  const justAda = (domain: string): ProviderAccounts => ({ ada: ada(domain) });

  const answerOf = async (response: Response): Promise<Answer> => ({
    status: response.status,
    body: (await response.json()) as Answer['body'],
  });

  /** The whole way of a person through the real provider. */
  async function signIn(at: Site, subject = 'ada', browser = new Browser()): Promise<Answer> {
    return answerOf(await browser.request(await provider.signIn(browser, at.login, subject)));
  }

  const users = (at: Site) =>
    db.sql(
      `SELECT u.id, u.email, u.first_name, u.last_name, m.role FROM memberships m JOIN users u ON u.id = m.user_id
       WHERE m.tenant_id = $1 AND u.id <> $2 ORDER BY u.id`,
      [at.tenantId, at.userId],
    );
  const sessions = async (at: Site) =>
    Number((await db.sql('SELECT count(*) AS n FROM sessions WHERE tenant_id = $1', [at.tenantId]))[0]!.n);
  const audited = async (at: Site, action: string) =>
    (
      await db.sql('SELECT message FROM audit_log WHERE tenant_id = $1 AND action = $2 ORDER BY at', [
        at.tenantId,
        action,
      ])
    ).map((row) => String(row.message));

  async function expectRefused(at: Site, answer: Answer, status: number, code: string): Promise<void> {
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body).toMatchObject({
      error: true,
      message: expect.any(String),
      request_id: expect.any(String),
    });
    expect(answer.body.token).toBeUndefined();
    // the owner's own, of the registration
    expect(await sessions(at)).toBe(1);
  }

  describe('settings', () => {
    it('are stored with the secret encrypted, shown without it, and removed', async () => {
      const at = await realSite(justAda, { role_mapping: { ops: 'admin' } });
      const client = server.client(at.token);
      const params = { path: { tenant_id: at.tenantId } };
      const got = await client.GET('/api/tenants/{tenant_id}/oidc/config', { params });
      expect(got.data).toMatchObject({
        provider_url: provider.url,
        has_client_secret: true,
        redirect_uri: at.callback,
        login_url: at.login,
        scopes: ['openid', 'profile', 'email'],
        role_mapping: { ops: 'admin' },
        default_role: 'viewer',
      });
      expect(JSON.stringify(got.data)).not.toContain(SECRET);
      const [stored] = await db.sql('SELECT * FROM oidc_configs WHERE tenant_id = $1', [at.tenantId]);
      expect(JSON.stringify(stored)).not.toContain(SECRET);
      const removed = await client.DELETE('/api/tenants/{tenant_id}/oidc/config', { params });
      expect(removed.response.status).toBe(204);
      expect((await new Browser().request(at.login)).status).toBe(404);
    });

    let refusing: Site;
    beforeAll(async () => {
      refusing = await site();
    });
    it.each([
      [{ provider_url: 'https://169.254.169.254' }, 'provider_url'],
      [{ provider_url: 'https://10.0.0.1' }, 'provider_url'],
      [{ provider_url: 'file:///etc/passwd' }, 'provider_url'],
      [{ provider_url: 'https://auth.example.com/.well-known/openid-configuration' }, 'provider_url'],
      [{ provider_url: 'https://auth.example.com?tenant=1' }, 'provider_url'],
      [{ redirect_uri: 'http://app.example.com/callback' }, 'redirect_uri'],
      [{ redirect_uri: 'https://app.example.com/callback?next=https://evil.example.com' }, 'redirect_uri'],
      [{ redirect_uri: 'javascript:alert(1)' }, 'redirect_uri'],
      [{ scopes: ['profile'] }, 'scopes'],
      [{ role_mapping: { ops: 'owner' } }, 'role_mapping.ops'],
      [{ default_role: 'superadmin' }, 'default_role'],
    ])('refuse %j', async (change, field) => {
      const good = { provider_url: provider.url, client_id: 'client', client_secret: SECRET };
      const { error, response } = await put(refusing, { ...good, ...change } as never);
      expect([response.status, error?.details?.[0]?.field]).toEqual([422, field]);
    });

    it('keep the secret when it is left out, but never send it to another provider', async () => {
      const at = await realSite(justAda);
      const body = { provider_url: provider.url, client_id: 'client' };
      expect((await put(at, body)).data?.has_client_secret).toBe(true);
      const moved = await put(at, { ...body, provider_url: hostile.url });
      expect(moved.data?.has_client_secret).toBe(false);
    });

    it('belong to the tenant alone', async () => {
      const [at, other] = [await realSite(justAda), await site()];
      const stranger = server.client(other.token);
      const params = { path: { tenant_id: at.tenantId } };
      const answers = [
        await stranger.GET('/api/tenants/{tenant_id}/oidc/config', { params }),
        await stranger.DELETE('/api/tenants/{tenant_id}/oidc/config', { params }),
        await stranger.POST('/api/tenants/{tenant_id}/oidc/test', { params }),
      ];
      expect(answers.map((a) => a.response.status)).toEqual([404, 404, 404]);
    });

    it('are of a tenant that exists, for operators too', async () => {
      const operator = server.client(await adminToken(server));
      const { response } = await operator.PUT('/api/tenants/{tenant_id}/oidc/config', {
        params: { path: { tenant_id: 'tenant_01jz3k5v8hf0vbn2x4q6t8w0ya' } },
        body: { provider_url: provider.url, client_id: 'client' },
      });
      expect(response.status).toBe(404);
    });
  });

  describe('the test of a provider', () => {
    const test = async (at: Site) =>
      (
        await server
          .client(at.token)
          .POST('/api/tenants/{tenant_id}/oidc/test', { params: { path: { tenant_id: at.tenantId } } })
      ).data!;
    let at: Site;
    beforeAll(async () => {
      at = await site();
    });
    beforeEach(async () => {
      hostile.reset();
      await put(at, { provider_url: hostile.url, client_id: 'client', client_secret: SECRET });
    });

    it('passes for a real one, step by step', async () => {
      const real = await realSite(justAda);
      const tested = await test(real);
      expect(tested).toMatchObject({ success: true, error: null, error_code: null });
      expect(tested.checks.map((c) => [c.name, c.ok])).toEqual(
        ['address', 'discovery', 'issuer', 'endpoints', 'pkce', 'keys'].map((name) => [name, true]),
      );
    });

    const discovery = '/.well-known/openid-configuration';
    const wrong: [string, string, () => void][] = [
      [
        'a wrong issuer',
        'issuer_mismatch',
        () => (hostile.metadata = { issuer: 'https://evil.example.com' }),
      ],
      ['no issuer', 'issuer_mismatch', () => (hostile.metadata = { issuer: undefined })],
      ['no token endpoint', 'missing_endpoint', () => (hostile.metadata = { token_endpoint: undefined })],
      ['an address that is none', 'missing_endpoint', () => (hostile.metadata = { jwks_uri: 'keys' })],
      [
        'keys at a blocked address',
        'blocked_address',
        () => (hostile.metadata = { jwks_uri: 'https://10.0.0.1/' }),
      ],
      ['no PKCE', 'no_pkce', () => (hostile.metadata = { code_challenge_methods_supported: ['plain'] })],
      ['no keys', 'no_keys', () => (hostile.answers['/jwks'] = { body: '{"keys":[]}' })],
      [
        'keys to encrypt with only',
        'no_keys',
        () => (hostile.answers['/jwks'] = { body: '{"keys":[{"use":"enc"}]}' }),
      ],
      ['an error', 'http_status', () => (hostile.answers[discovery] = { status: 500 })],
      ['a page', 'not_json', () => (hostile.answers[discovery] = { body: '<html>' })],
      ['null', 'not_json', () => (hostile.answers[discovery] = { body: 'null' })],
      [
        'a redirect',
        'redirect',
        () => (hostile.answers[discovery] = { status: 302, headers: { location: '/x' } }),
      ],
      ['too much', 'too_large', () => (hostile.answers[discovery] = { body: ' '.repeat(1_100_000) })],
    ];
    it.each(wrong)('says what is wrong with a provider that shows %s', async (_, code, prepare) => {
      prepare();
      const tested = await test(at);
      expect(tested).toMatchObject({ success: false, error: expect.any(String), error_code: code });
      expect(tested.checks.at(-1)!.ok).toBe(false);
    });

    it('tells a closed port and an unknown name apart', async () => {
      await put(at, { provider_url: 'http://127.0.0.1:1', client_id: 'client' });
      expect((await test(at)).error_code).toBe('refused');
      await put(at, { provider_url: 'https://auth.example.invalid', client_id: 'client' });
      expect((await test(at)).error_code).toBe('dns');
    });
  });

  describe('through a real provider', () => {
    it('makes the person at their first sign-in and finds them again at the next', async () => {
      const at = await realSite(justAda);
      const first = await signIn(at);
      expect(first.status).toBe(200);
      expect(first.body.user).toMatchObject({
        email: `ada@${at.domain}`,
        tenant_id: at.tenantId,
        role: 'viewer',
        first_name: 'Ada',
        last_name: 'Byron',
      });
      const me = await server.client(first.body.token).GET('/api/auth/me');
      expect(me.data).toMatchObject({ email: `ada@${at.domain}`, tenant_id: at.tenantId, role: 'viewer' });
      const second = await signIn(at);
      expect(second.body.user.user_id).toBe(first.body.user.user_id);
      const renewed = await server
        .client()
        .POST('/api/auth/refresh', { body: { refresh_token: second.body.refresh_token! } });
      expect(renewed.response.status).toBe(200);
      expect(await users(at)).toHaveLength(1);
      expect(await audited(at, 'auth.sso_login')).toHaveLength(2);
      expect(await audited(at, 'user.added')).toEqual([
        expect.stringContaining(`'ada@${at.domain}' added as viewer`),
      ]);
    });

    it('works for a client without a secret', async () => {
      const at = await site();
      const client = {
        client_id: 'public',
        redirect_uris: [at.callback],
        token_endpoint_auth_method: 'none' as const,
      };
      await provider.configure([client], justAda(at.domain));
      await put(at, { provider_url: provider.url, client_id: 'public' });
      expect((await signIn(at)).status).toBe(200);
    });

    it('knows a person by issuer and subject, whatever their address becomes', async () => {
      const at = await realSite(justAda);
      const { body } = await signIn(at);
      const client = { client_id: 'client', client_secret: SECRET, redirect_uris: [at.callback] };
      await provider.configure([client], { ada: { ...ada(at.domain), email: 'ada@elsewhere.example.org' } });
      expect((await signIn(at)).body.user.user_id).toBe(body.user.user_id);
    });

    it('gives the highest role of the groups, at most admin, and takes it back', async () => {
      const groups =
        (...names: unknown[]) =>
        (domain: string) => ({ ada: { ...ada(domain), groups: names } });
      const at = await realSite(groups('dev', 'ops'), {
        scopes: ['openid', 'profile', 'email', 'groups'],
        role_mapping: { dev: 'member', ops: 'admin' },
      });
      expect((await signIn(at)).body.user.role).toBe('admin');
      const client = { client_id: 'client', client_secret: SECRET, redirect_uris: [at.callback] };
      await provider.configure([client], groups('dev')(at.domain));
      const demoted = await signIn(at);
      expect(demoted.body.user.role).toBe('member');
      expect((await server.client(demoted.body.token).GET('/api/auth/me')).data?.role).toBe('member');
      await provider.configure([client], groups('constructor', '__proto__', 7)(at.domain));
      expect((await signIn(at)).body.user.role).toBe('viewer');
      expect(await audited(at, 'user.updated')).toHaveLength(2);
    });

    it('links the account of a member by their verified address', async () => {
      const at = await realSite(justAda);
      const added = await server.client(at.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path: { tenant_id: at.tenantId } },
        body: { email: `Ada@${at.domain}`, role: 'member', name: 'Ada', password: 'Correct-Horse-9' },
      });
      const { status, body } = await signIn(at);
      expect([status, body.user.user_id, body.user.role]).toEqual([200, added.data!.id, 'member']);
    });

    it('accepts the tenant’s invitation by signing in', async () => {
      const at = await realSite(justAda);
      const added = await server.client(at.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path: { tenant_id: at.tenantId } },
        body: { email: `ada@${at.domain}`, role: 'admin', name: 'Ada' },
      });
      const { body } = await signIn(at);
      expect([body.user.user_id, body.user.role]).toEqual([added.data!.id, 'admin']);
      expect((await server.client(body.token).GET('/api/auth/me')).response.status).toBe(200);
    });

    it('is not closed to somebody whom another tenant has merely invited', async () => {
      const at = await realSite(justAda);
      await signIn(at);
      const other = await newTenant(server, 'enterprise');
      const invited = await server.client(other.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path: { tenant_id: other.tenantId } },
        body: { email: `ada@${at.domain}`, role: 'viewer', name: 'Ada' },
      });
      expect(invited.response.status).toBe(201);
      expect((await signIn(at)).status).toBe(200);
    });

    it('makes one account of many first sign-ins at once', async () => {
      const at = await realSite(justAda);
      const browsers = Array.from({ length: 5 }, () => new Browser());
      const callbacks = await Promise.all(browsers.map((b) => provider.signIn(b, at.login, 'ada')));
      const answers = await Promise.all(
        callbacks.map(async (url, i) => answerOf(await browsers[i]!.request(url))),
      );
      expect(answers.map((a) => a.status)).toEqual([200, 200, 200, 200, 200]);
      expect(new Set(answers.map((a) => a.body.user.user_id)).size).toBe(1);
      expect(await users(at)).toHaveLength(1);
    });

    it('tells a person who declined there', async () => {
      const at = await realSite(justAda);
      const browser = new Browser();
      const answer = await answerOf(await browser.request(await provider.decline(browser, at.login)));
      await expectRefused(at, answer, 401, 'SSO_DENIED');
      expect(answer.body.message).toContain('access_denied');
    });

    it('stops at the number of users that the tenant may have', async () => {
      const at = await realSite(justAda);
      await server.client(at.token).PUT('/api/tenants/{id}', {
        params: { path: { id: at.tenantId } },
        body: { settings: { allow_registration_domains: [at.domain], max_users: 1 } },
      });
      await expectRefused(at, await signIn(at), 403, 'PLAN_LIMIT_REACHED');
      expect(await users(at)).toEqual([]);
    });

    it('adds nobody when the tenant wants that', async () => {
      const at = await realSite(justAda, { create_users: false });
      await expectRefused(at, await signIn(at), 403, 'SSO_NOT_ALLOWED');
      expect(await users(at)).toEqual([]);
    });

    it.each<[string, (domain: string) => Record<string, unknown>]>([
      ['unverified', () => ({ email_verified: false })],
      ['verified by a word only', () => ({ email_verified: 'true' })],
      ['not said to be verified', () => ({ email_verified: undefined })],
      ['of a foreign domain', () => ({ email: 'ada@gmail.example.com' })],
      ['of a subdomain', (domain) => ({ email: `ada@sub.${domain}` })],
      ['missing', () => ({ email: undefined })],
      ['with the domain in its quoted part', (domain) => ({ email: `"@${domain}@"@evil.example.com` })],
      ['no address', (domain) => ({ email: domain })],
    ])('does not make an account for an address that is %s', async (_, change) => {
      const at = await realSite((domain) => ({ ada: { ...ada(domain), ...change(domain) } }));
      await expectRefused(at, await signIn(at), 403, 'SSO_NOT_ALLOWED');
      expect(await users(at)).toEqual([]);
      expect(await audited(at, 'auth.sso_failed')).toHaveLength(1);
    });

    it('does not link a member’s account by an address that is not verified', async () => {
      const at = await realSite((domain) => ({ ada: { ...ada(domain), email_verified: false } }));
      await server.client(at.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path: { tenant_id: at.tenantId } },
        body: { email: `ada@${at.domain}`, role: 'admin', name: 'Ada', password: 'Correct-Horse-9' },
      });
      await expectRefused(at, await signIn(at), 403, 'SSO_NOT_ALLOWED');
    });

    it('does not open the account of whoever had the address before', async () => {
      const at = await realSite((domain) => ({ ada: ada(domain), successor: ada(domain) }));
      const first = await signIn(at);
      expect(first.status).toBe(200);
      const answer = await signIn(at, 'successor');
      expect([answer.status, answer.body.code]).toEqual([403, 'SSO_NOT_ALLOWED']);
      expect(await sessions(at)).toBe(2);
    });

    it('opens no account of an owner or an operator', async () => {
      const at = await realSite((domain) => ({
        operator: { ...ada(domain), email: 'admin@cluster-ai.local' },
      }));
      const client = { client_id: 'client', client_secret: SECRET, redirect_uris: [at.callback] };
      await server.client(at.token).PUT('/api/tenants/{id}', {
        params: { path: { id: at.tenantId } },
        body: { settings: { allow_registration_domains: ['example.com', 'cluster-ai.local'] } },
      });
      await expectRefused(at, await signIn(at, 'operator'), 403, 'SSO_NOT_ALLOWED');
      await provider.configure([client], { owner: { ...ada(at.domain), email: at.email } });
      await expectRefused(at, await signIn(at, 'owner'), 403, 'SSO_NOT_ALLOWED');
    });

    describe('when somebody has taken the address before', () => {
      const password = 'Correct-Horse-9';
      const register = (at: Site, body: { tenant_id?: string; tenant_name?: string } = {}) =>
        server.client().POST('/api/auth/register', {
          body: { email: `ada@${at.domain}`, password, name: 'Not Ada', ...body },
        });
      const login = (at: Site, more: { tenant_id?: string } = {}) =>
        server.client().POST('/api/auth/login', { body: { email: `ada@${at.domain}`, password, ...more } });

      it('signs the person in to an account of the tenant, and leaves the other one what it was', async () => {
        const at = await realSite(justAda);
        const stranger = (await register(at)).data!;
        const { status, body } = await signIn(at);
        expect([status, body.user.tenant_id]).toEqual([200, at.tenantId]);
        expect(body.user.user_id).not.toBe(stranger.user_id);
        expect((await login(at)).data?.user).toMatchObject({
          user_id: stranger.user_id,
          tenant_id: stranger.tenant_id,
        });
        expect((await login(at, { tenant_id: at.tenantId })).response.status).toBe(401);
        expect((await signIn(at)).body.user.user_id).toBe(body.user.user_id);
      });

      it('gives the invitation to the person, not to the account', async () => {
        const at = await realSite(justAda);
        await register(at);
        const invited = await server.client(at.token).POST('/api/tenants/{tenant_id}/users', {
          params: { path: { tenant_id: at.tenantId } },
          body: { email: `ada@${at.domain}`, role: 'admin', name: 'Ada' },
        });
        const { body } = await signIn(at);
        expect(body.user.role).toBe('admin');
        expect(body.user.user_id).not.toBe(invited.data!.id);
        expect(await users(at)).toHaveLength(1);
        expect((await login(at, { tenant_id: at.tenantId })).response.status).toBe(401);
      });

      it('voids password and sessions of who came into the tenant with a mere claim of the address', async () => {
        const at = await realSite(justAda);
        const claim = (await register(at, { tenant_id: at.tenantId })).data!;
        const { body } = await signIn(at);
        expect(body.user.user_id).toBe(claim.user_id);
        expect((await server.client(claim.token).GET('/api/auth/me')).response.status).toBe(401);
        expect((await login(at)).response.status).toBe(401);
        expect((await server.client(body.token).GET('/api/auth/me')).response.status).toBe(200);
        expect(await audited(at, 'auth.password_voided')).toHaveLength(1);
      });
    });

    it('keeps nobody from registering with an address that some tenant’s provider asserts', async () => {
      const at = await realSite(justAda);
      await signIn(at);
      const registered = await server.client().POST('/api/auth/register', {
        body: { email: `ada@${at.domain}`, password: 'Correct-Horse-9', name: 'Ada' },
      });
      expect(registered.data?.tenant_id).not.toBe(at.tenantId);
      const again = await server.client(at.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path: { tenant_id: at.tenantId } },
        body: { email: `ada@${at.domain}`, role: 'viewer' },
      });
      expect(again.response.status).toBe(409);
    });

    it('is over for a disabled member, at once and until they are enabled', async () => {
      const at = await realSite(justAda);
      const { body } = await signIn(at);
      const params = { path: { tenant_id: at.tenantId, user_id: body.user.user_id } };
      const set = (disabled: boolean) =>
        server
          .client(at.token)
          .PUT('/api/tenants/{tenant_id}/users/{user_id}', { params, body: { disabled } });
      expect((await set(true)).response.status).toBe(200);
      expect((await server.client(body.token).GET('/api/auth/me')).response.status).toBe(401);
      expect((await signIn(at)).body.code).toBe('SSO_NOT_ALLOWED');
      await set(false);
      expect((await signIn(at)).status).toBe(200);
    });

    it('is closed while the tenant is suspended, and gone with it', async () => {
      const at = await realSite(justAda);
      const admin = server.client(await adminToken(server));
      const params = { path: { id: at.tenantId } };
      const browser = new Browser();
      const begun = await provider.signIn(browser, at.login, 'ada');
      await admin.PUT('/api/tenants/{id}', { params, body: { status: 'suspended' } });
      await expectRefused(at, await answerOf(await browser.request(begun)), 403, 'SSO_NOT_ALLOWED');
      await expectRefused(at, await answerOf(await browser.request(at.login)), 403, 'SSO_NOT_ALLOWED');
      expect((await admin.DELETE('/api/tenants/{id}', { params })).response.status).toBe(204);
      expect((await browser.request(at.login)).status).toBe(404);
      expect((await browser.request(begun)).status).toBe(404);
    });
  });

  describe('refuses', () => {
    let at: Site;
    beforeEach(async () => {
      hostile.reset();
      at = await site();
      await put(at, { provider_url: hostile.url, client_id: 'client', client_secret: SECRET });
      hostile.claims = ada(at.domain);
    });

    /** Begins in a browser; gives the parameters that the provider was sent. */
    async function begin(browser: Browser, login = at.login): Promise<URLSearchParams> {
      const response = await browser.request(login);
      expect(response.status).toBe(302);
      const sent = new URL(response.headers.get('location')!).searchParams;
      hostile.nonce = sent.get('nonce')!;
      return sent;
    }
    const answers = (state: string, change: Record<string, string> = {}) =>
      `${at.callback}?${new URLSearchParams({ code: 'c1', state, iss: hostile.url, ...change })}`;
    const complete = async (browser: Browser, url: string) => answerOf(await browser.request(url));

    it('nothing of an honest answer', async () => {
      const browser = new Browser();
      const sent = await begin(browser);
      expect(sent.get('code_challenge_method')).toBe('S256');
      expect((await complete(browser, answers(sent.get('state')!))).status).toBe(200);
      const verifier = hostile.exchanges[0]!.get('code_verifier')!;
      expect(createHash('sha256').update(verifier).digest('base64url')).toBe(sent.get('code_challenge'));
    });

    const publicPem = () => hostile.publicKey.export({ format: 'pem', type: 'spki' });
    it.each<[string, () => Signature, Record<string, unknown>]>([
      ['signed with another key', () => 'other', {}],
      ['signed with another key that it claims to be a new one', () => 'other', { kid: 'k2' }],
      ['that is not signed', () => 'none', {}],
      ['signed with the client secret', () => ({ hmac: SECRET }), {}],
      ['signed with the public key as a secret', () => ({ hmac: publicPem() }), {}],
      ['whose signature is of another algorithm', () => 'own', { alg: 'ES256' }],
    ])('an ID token %s', async (_, signature, header) => {
      const browser = new Browser();
      const sent = await begin(browser);
      Object.assign(hostile, { signature: signature(), header });
      await expectRefused(at, await complete(browser, answers(sent.get('state')!)), 401, 'SSO_REFUSED');
      expect(await users(at)).toEqual([]);
    });

    const now = () => Math.floor(Date.now() / 1000);
    it.each<[string, () => Record<string, unknown>]>([
      ['that has expired', () => ({ iat: now() - 700, exp: now() - 400 })],
      ['that is not valid yet', () => ({ nbf: now() + 400 })],
      ['without an end', () => ({ exp: undefined })],
      ['for somebody else', () => ({ aud: 'another-client' })],
      ['for several, with another in charge', () => ({ aud: ['client', 'another'], azp: 'another' })],
      ['of another issuer', () => ({ iss: 'https://evil.example.com' })],
      ['of another sign-in', () => ({ nonce: 'another' })],
      ['without a nonce', () => ({ nonce: undefined })],
      ['about nobody', () => ({ sub: undefined })],
      ['about a subject that cannot be stored', () => ({ sub: 'a\u0000b' })],
      ['about a subject without an end', () => ({ sub: 'a'.repeat(5000) })],
    ])('an ID token %s', async (_, claims) => {
      const browser = new Browser();
      const sent = await begin(browser);
      Object.assign(hostile.claims, claims());
      await expectRefused(at, await complete(browser, answers(sent.get('state')!)), 401, 'SSO_REFUSED');
      expect(await audited(at, 'auth.sso_failed')).toHaveLength(1);
    });

    it('a second use of an answer', async () => {
      const browser = new Browser();
      const url = answers((await begin(browser)).get('state')!);
      expect((await complete(browser, url)).status).toBe(200);
      const again = await complete(browser, url);
      expect([again.status, again.body.code, again.body.token]).toEqual([401, 'SSO_REFUSED', undefined]);
      expect(hostile.exchanges).toHaveLength(1);
    });

    it('all but one of an answer’s uses at once', async () => {
      const token = new Browser();
      const url = answers((await begin(token)).get('state')!);
      const all = await Promise.all(Array.from({ length: 8 }, () => complete(token, url)));
      expect(all.filter((a) => a.status === 200)).toHaveLength(1);
      expect(hostile.exchanges).toHaveLength(1);
    });

    it('an unknown state, and none', async () => {
      const browser = new Browser();
      await begin(browser);
      await expectRefused(at, await complete(browser, answers('guessed')), 401, 'SSO_REFUSED');
      const without = `${at.callback}?code=c1&iss=${hostile.url}`;
      await expectRefused(at, await complete(browser, without), 401, 'SSO_REFUSED');
      expect(hostile.exchanges).toEqual([]);
    });

    it('the state of another browser', async () => {
      const [mine, victim] = [new Browser(), new Browser()];
      const { state } = Object.fromEntries(await begin(mine)) as { state: string };
      await expectRefused(at, await complete(victim, answers(state)), 401, 'SSO_REFUSED');
      await begin(victim);
      await expectRefused(at, await complete(victim, answers(state)), 401, 'SSO_REFUSED');
      expect(hostile.exchanges).toEqual([]);
    });

    it('the answer to one tenant’s sign-in at another tenant', async () => {
      const other = await site();
      await put(other, { provider_url: hostile.url, client_id: 'client', client_secret: SECRET });
      const browser = new Browser();
      const theirs = await begin(browser, other.login);
      await begin(browser);
      await expectRefused(at, await complete(browser, answers(theirs.get('state')!)), 401, 'SSO_REFUSED');
      expect(hostile.exchanges).toEqual([]);
    });

    it.each([
      ['of another provider', { iss: 'https://honest.example.com' }],
      ['with a slash more', { iss: 'SLASH' }],
    ])('an answer %s', async (_, change) => {
      const browser = new Browser();
      const state = (await begin(browser)).get('state')!;
      const iss = change.iss === 'SLASH' ? `${hostile.url}/` : change.iss;
      await expectRefused(at, await complete(browser, answers(state, { iss })), 401, 'SSO_REFUSED');
      expect(hostile.exchanges).toEqual([]);
    });

    it('an answer that does not say of which provider, though that one always does', async () => {
      const browser = new Browser();
      const state = (await begin(browser)).get('state')!;
      const answer = await complete(browser, `${at.callback}?code=c1&state=${state}`);
      await expectRefused(at, answer, 401, 'SSO_REFUSED');
      expect(hostile.exchanges).toEqual([]);
    });

    it('an answer with two codes', async () => {
      const browser = new Browser();
      const state = (await begin(browser)).get('state')!;
      await expectRefused(at, await complete(browser, `${answers(state)}&code=c2`), 401, 'SSO_REFUSED');
    });

    it('a sign-in that took too long', async () => {
      const browser = new Browser();
      const state = (await begin(browser)).get('state')!;
      await db.sql(`UPDATE oidc_sign_ins SET expires_at = now() - interval '1 second' WHERE tenant_id = $1`, [
        at.tenantId,
      ]);
      await expectRefused(at, await complete(browser, answers(state)), 401, 'SSO_REFUSED');
    });

    it('a sign-in that began at the provider that was there before', async () => {
      const browser = new Browser();
      const state = (await begin(browser)).get('state')!;
      await put(at, { provider_url: hostile.url, client_id: 'another', client_secret: SECRET });
      await expectRefused(at, await complete(browser, answers(state)), 401, 'SSO_REFUSED');
    });

    it('a code that the provider does not know, and says so to administrators only', async () => {
      const browser = new Browser();
      const state = (await begin(browser)).get('state')!;
      hostile.refusal = { status: 400, body: { error: 'invalid_grant', error_description: 'used\u0000' } };
      await expectRefused(at, await complete(browser, answers(state)), 401, 'SSO_REFUSED');
      const [message] = await audited(at, 'auth.sso_failed');
      expect(message).toContain('invalid_grant');
      expect(message).not.toContain(SECRET);
    });

    it('an address that the UserInfo tells of another subject, or about another address', async () => {
      const browser = new Browser();
      const begun = async () => answers((await begin(browser)).get('state')!);
      const { email, ...nameless } = ada(at.domain);
      hostile.claims = { ...nameless, email_verified: undefined };
      hostile.userinfo = { sub: 'somebody-else', email, email_verified: true };
      await expectRefused(at, await complete(browser, await begun()), 401, 'SSO_REFUSED');
      hostile.claims = { ...nameless, email: `boss@${at.domain}`, email_verified: undefined };
      hostile.userinfo = { sub: 'ada-1', email: 'mallory@evil.example.com', email_verified: true };
      await expectRefused(at, await complete(browser, await begun()), 403, 'SSO_NOT_ALLOWED');
      hostile.claims = { ...nameless, email_verified: undefined };
      hostile.userinfo = { sub: 'ada-1', iss: 'https://evil.example.com', email, email_verified: true };
      expect((await complete(browser, await begun())).status).toBe(200);
      const [identity] = await db.sql('SELECT issuer FROM oidc_identities WHERE tenant_id = $1', [
        at.tenantId,
      ]);
      expect(identity!.issuer).toBe(hostile.url);
    });

    it('to be sent anywhere but to the provider', async () => {
      for (const parameter of ['return_to', 'redirect_uri', 'next', 'redirect']) {
        const response = await new Browser().request(`${at.login}?${parameter}=https://evil.example.com`);
        expect([response.status, response.headers.get('location')]).toEqual([422, null]);
      }
      const sent = await begin(new Browser());
      expect(sent.get('redirect_uri')).toBe(at.callback);
    });

    it('names that do not fit are cut, and control characters left out', async () => {
      const browser = new Browser();
      const state = (await begin(browser)).get('state')!;
      Object.assign(hostile.claims, { given_name: 'A\u0000d\na', family_name: 'B'.repeat(5000) });
      expect((await complete(browser, answers(state))).status).toBe(200);
      expect((await users(at))[0]).toMatchObject({ first_name: 'A d a', last_name: 'B'.repeat(100) });
    });

    it('a provider that is away with 503, and leaves nothing', async () => {
      const browser = new Browser();
      hostile.answers['/token'] = { status: 302, headers: { location: 'http://169.254.169.254/' } };
      const state = (await begin(browser)).get('state')!;
      await expectRefused(at, await complete(browser, answers(state)), 503, 'SSO_PROVIDER_UNAVAILABLE');
      await put(at, { provider_url: 'http://127.0.0.1:1', client_id: 'client' });
      const response = await browser.request(at.login);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10']);
    });
  });

  describe('from a page of the tenant’s', () => {
    const page = 'https://app.example.com/callback';
    const verifier = randomBytes(32).toString('base64url');
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    let at: Site;
    beforeEach(async () => {
      hostile.reset();
      at = await site();
      hostile.claims = ada(at.domain);
      await put(at, {
        provider_url: hostile.url,
        client_id: 'client',
        client_secret: SECRET,
        redirect_uri: page,
      });
    });

    /** What the page does: it begins, and hands the provider's answer on, with what only it knows. */
    async function handOn(query: string, known: Record<string, string>): Promise<Answer> {
      const begun = await fetch(`${at.login}${query}`, { redirect: 'manual' });
      const sent = new URL(begun.headers.get('location')!).searchParams;
      expect(sent.get('redirect_uri')).toBe(page);
      hostile.nonce = sent.get('nonce')!;
      const parameters = { code: 'c1', state: sent.get('state')!, iss: hostile.url, ...known };
      return answerOf(await fetch(`${at.callback}?${new URLSearchParams(parameters)}`));
    }

    it('a page that proves to be the one that began gets the session', async () => {
      const answer = await handOn(`?browser_challenge=${challenge}`, { browser_verifier: verifier });
      expect(answer.status).toBe(200);
      expect(hostile.exchanges[0]!.get('redirect_uri')).toBe(page);
      expect(hostile.exchanges[0]!.has('browser_verifier')).toBe(false);
    });

    it('an answer that a stranger’s sign-in led to is refused', async () => {
      await expectRefused(at, await handOn('', {}), 401, 'SSO_REFUSED');
      const wrong = { browser_verifier: randomBytes(32).toString('base64url') };
      await expectRefused(at, await handOn(`?browser_challenge=${challenge}`, wrong), 401, 'SSO_REFUSED');
      const own = { browser_verifier: challenge };
      await expectRefused(at, await handOn(`?browser_challenge=${challenge}`, own), 401, 'SSO_REFUSED');
    });
  });
});
