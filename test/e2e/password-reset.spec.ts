import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  unique,
} from '../support/server.js';
import { SmtpDouble } from '../support/smtp-double.js';
import { until } from '../support/until.js';

const NEW = 'a-quite-new-password';

describe('a forgotten password', () => {
  let server: TestServer;
  let smtp: SmtpDouble;
  beforeAll(async () => {
    smtp = await new SmtpDouble().start();
    server = await startServer({ env: { SMTP_URL: `smtp://127.0.0.1:${smtp.port}` } });
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await smtp.stop();
  });

  const login = async (email: string, password: string) =>
    (await server.client().POST('/api/auth/login', { body: { email, password } })).response.status;
  const forgot = (email: string) => server.client().POST('/api/auth/password/forgot', { body: { email } });
  const reset = async (token: string) =>
    (await server.client().POST('/api/auth/password/reset', { body: { token, new_password: NEW } })).response
      .status;
  const mailTo = (email: string) => smtp.mails.filter((mail) => mail.to.includes(email));
  const tokenFor = async (email: string) =>
    /^Token: (\S+)$/m.exec((await until('the message', () => mailTo(email)[0])).content)![1]!;

  describe('that is reset by mail', () => {
    it('is replaced once; sessions end, a lock is lifted', async () => {
      const ada = await newTenant(server);
      for (let i = 0; i < 6; i++) await login(ada.email, 'wrong-password');
      expect(await login(ada.email, ada.password)).toBe(423);
      expect((await forgot(ada.email)).response.status).toBe(202);
      const token = await tokenFor(ada.email);
      expect(await reset(token)).toBe(200);
      expect(await login(ada.email, NEW)).toBe(200);
      expect(await login(ada.email, ada.password)).toBe(401);
      expect((await server.client(ada.token).GET('/api/auth/me')).response.status).toBe(401);
      expect(await reset(token)).toBe(422);
    });

    it('tells nobody which accounts there are, and mails a person once a minute at most', async () => {
      const ada = await newTenant(server);
      const nobody = `${unique('nobody')}@example.com`;
      const [known, unknown] = [await forgot(ada.email), await forgot(nobody)];
      expect([unknown.response.status, unknown.data]).toEqual([known.response.status, known.data]);
      await tokenFor(ada.email);
      expect((await forgot(ada.email)).response.status).toBe(202);
      const other = await newTenant(server);
      await forgot(other.email);
      await tokenFor(other.email);
      expect(mailTo(ada.email)).toHaveLength(1);
      expect(mailTo(nobody)).toEqual([]);
    });

    it('does not take a token that nobody issued', async () => {
      expect(await reset('guessed')).toBe(422);
    });
  });

  describe('that an administrator has reset', () => {
    const member = async (at: SignedInTenant, role: 'viewer' | 'owner' = 'viewer') => {
      const email = `${unique('member')}@example.com`;
      const added = await server.client(at.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path: { tenant_id: at.tenantId } },
        body: { email, role, password: 'old-password-1' },
      });
      return { id: added.data!.id, email };
    };
    const issue = (token: string, tenant_id: string, user_id: string) =>
      server.client(token).POST('/api/tenants/{tenant_id}/users/{user_id}/password-reset', {
        params: { path: { tenant_id, user_id } },
      });

    it('is replaced with the token that they hand on', async () => {
      const owner = await newTenant(server, 'basic');
      const { id, email } = await member(owner);
      const { data } = await issue(owner.token, owner.tenantId, id);
      expect(Date.parse(data!.expires_at)).toBeGreaterThan(Date.now());
      expect(await login(email, 'old-password-1')).toBe(200);
      expect(await reset(data!.reset_token)).toBe(200);
      expect([await login(email, 'old-password-1'), await login(email, NEW)]).toEqual([401, 200]);
    });

    it('is out of reach of lower roles, other tenants, and for people who work elsewhere, too', async () => {
      const owner = await newTenant(server, 'basic');
      const other = await newTenant(server, 'basic');
      const { id, email } = await member(owner);
      const viewer = (
        await server.client().POST('/api/auth/login', { body: { email, password: 'old-password-1' } })
      ).data!.token;
      expect((await issue(viewer, owner.tenantId, owner.userId)).response.status).toBe(403);
      expect((await issue(other.token, owner.tenantId, id)).response.status).toBe(404);
      expect((await issue(other.token, other.tenantId, id)).response.status).toBe(404);
      const invited = await server.client(other.token).POST('/api/tenants/{tenant_id}/users', {
        params: { path: { tenant_id: other.tenantId } },
        body: { email, role: 'viewer' },
      });
      expect((await issue(other.token, other.tenantId, id)).error).toMatchObject({ code: 'NO_PASSWORD' });
      await server.client().POST('/api/auth/login', {
        body: {
          email,
          password: 'old-password-1',
          tenant_id: other.tenantId,
          invitation_token: invited.data!.invitation_token!,
        },
      });
      expect((await issue(other.token, other.tenantId, id)).response.status).toBe(403);
      expect((await issue(await adminToken(server), other.tenantId, id)).response.status).toBe(201);
    });
  });
});

describe('an installation that sends no mail', () => {
  it('says so instead of promising a message', async () => {
    const server = await startServer();
    const { error } = await server
      .client()
      .POST('/api/auth/password/forgot', { body: { email: 'ada@example.com' } });
    expect(error).toMatchObject({ code: 'MAIL_NOT_CONFIGURED' });
    await server.stop();
  }, 60_000);
});
