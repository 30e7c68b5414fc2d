import Stripe from 'stripe';
import { selfSigned } from '../../src/modules/dataplane/self-signed.js';
import type { TestServer } from '../support/server.js';
import { adminToken, newTenant, type SignedInTenant, unique } from '../support/server.js';
import type { Actor } from './arbitraries.js';
import { ask } from './call.js';
import type { Operation } from './document.js';

/** Of the payment provider; the server is started with it. */
export const WEBHOOK_SECRET = 'whsec_fuzz';

/** What a path parameter names, by the path up to it. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/\/ai\/models\/\{id}/, 'model'],
  [/\/ai\/models\/\{model_type}/, 'modelType'],
  [/\/ai\/pipelines?\/\{id}$/, 'pipeline'],
  [/\/runs\/\{run_id}$/, 'run'],
  [/\/ai\/training\/\{id}/, 'training'],
  [/\/ai\/anomalies\/\{id}/, 'anomaly'],
  [/\/alerts\/\{id}/, 'alert'],
  [/\/api-keys\/\{id}/, 'apiKey'],
  [/\/backends\/\{id}/, 'backend'],
  [/\/backup\/\{id}/, 'backup'],
  [/\/certificates\/\{\w+}/, 'certificate'],
  [/\/invoices\/\{id}/, 'invoice'],
  [/\/subscriptions\/\{id}/, 'subscription'],
  [/\/webhooks\/events\/\{id}/, 'paymentEvent'],
  [/\/versions\/\{version}/, 'configVersion'],
  [/\/pools\/\{name}/, 'pool'],
  [/\/routes\/\{id}/, 'route'],
  [/\/users\/\{user_id}/, 'user'],
  [/\/tenants\/\{(tenant_)?id}$/, 'tenant'],
  [/\/oidc\/\{tenant_id}$/, 'tenant'],
  [/\/deliveries\/\{delivery_id}$/, 'delivery'],
  [/\/api\/webhooks\/\{id}$/, 'webhook'],
  [/\/enrollment-tokens\/\{id}/, 'enrollmentToken'],
  [/\/workers\/\{worker_id}/, 'worker'],
];

/** @throws when the document has a path parameter that nobody told us how to fill */
export function kindOf(operation: Operation, parameter: string): string {
  if (operation.id.startsWith('Tenants_delete')) return 'spareTenant';
  if (operation.id.startsWith('Oidc')) return 'oidcTenant';
  const upTo = operation.path.slice(0, operation.path.indexOf(`{${parameter}}`) + parameter.length + 2);
  const known = KINDS.find(([pattern]) => pattern.test(upTo));
  if (!known)
    throw new Error(`test/fuzz/world.ts does not know what {${parameter}} names in ${operation.path}`);
  return known[1];
}

const UNKNOWN_ID = '01jz3k5v8hf0vbn2x4q6t8w0ya';
const noChecks = { enabled: false };

/** A tenant of its own with one of everything, made when it is asked for and made again when a case destroyed it. */
export class World {
  private readonly tokens = new Map<string, string>();
  private readonly things = new Map<string, Promise<string>>();

  private constructor(
    readonly server: TestServer,
    readonly tenant: SignedInTenant,
    /** Goes into everything that has a name or a description. */
    readonly mark: string,
  ) {
    this.tokens.set('owner', tenant.token);
  }

  /** @param superadmin an access token, when there is one already: signing in is what a world costs. */
  static async create(server: TestServer, mark = 'fuzz', superadmin?: string): Promise<World> {
    const world = new World(server, await newTenant(server), mark);
    if (superadmin) world.tokens.set('superadmin', superadmin);
    await world.ask('PUT', `/api/tenants/${world.tenant.tenantId}`, 'superadmin', { plan: 'enterprise' });
    return world;
  }

  /** Deletes the tenant with all it has. @returns a world with a new one */
  async successor(): Promise<World> {
    await this.ask('DELETE', `/api/tenants/${this.tenant.tenantId}`, 'superadmin').catch(() => undefined);
    return World.create(this.server, this.mark, this.tokens.get('superadmin'));
  }

  async token(who: 'owner' | 'viewer' | 'superadmin'): Promise<string> {
    const known = this.tokens.get(who);
    if (known) return known;
    const token = await this.signIn(who);
    this.tokens.set(who, token);
    return token;
  }

  private async signIn(who: 'owner' | 'viewer' | 'superadmin'): Promise<string> {
    if (who === 'superadmin') return adminToken(this.server);
    const email = who === 'owner' ? this.tenant.email : await this.get('viewerEmail');
    const body = { email, password: this.tenant.password };
    return (await ask<{ token: string }>('POST', `${this.server.api}/api/auth/login`, undefined, body)).token;
  }

  /** The session is over: the next call signs in again. */
  forgetSessions(): void {
    this.tokens.clear();
  }

  /** Whose token a case of this operation sends. */
  who(actor: Actor, operation: Operation): 'owner' | 'viewer' | 'superadmin' | undefined {
    if (actor === 'viewer' || actor === 'superadmin') return actor;
    if (actor !== 'allowed' || !operation.leastRole) return undefined;
    return operation.leastRole === 'superadmin' ? 'superadmin' : 'owner';
  }

  async ask<T = Record<string, never>>(
    method: string,
    path: string,
    who: 'owner' | 'superadmin' = 'owner',
    body?: unknown,
  ): Promise<T> {
    const url = this.server.api + path;
    try {
      return await ask<T>(method, url, await this.token(who), body);
    } catch (e) {
      if (!(e as Error).message.includes(': 401 ')) throw e;
      this.forgetSessions();
      return ask<T>(method, url, await this.token(who), body);
    }
  }

  /** The id or name of something of this kind that exists; one that nothing has when it cannot be made. */
  async get(kind: string): Promise<string> {
    let made = this.things.get(kind);
    if (!made) {
      made = this.make(kind).catch((e: Error) => {
        this.things.delete(kind);
        this.failures.set(kind, e.message);
        return this.unknown(kind);
      });
      this.things.set(kind, made);
    }
    return made;
  }

  /** The entity tag of what this path names; that of a first version when it names nothing. */
  etag(path: string): Promise<string> {
    return this.ask<{ version: number }>('GET', path).then(
      ({ version }) => `"${version}"`,
      () => '"1"',
    );
  }

  /** What could not be made, and why. */
  readonly failures = new Map<string, string>();

  forget(kind: string): void {
    this.things.delete(kind);
    if (kind === 'pipeline') this.things.delete('run');
    if (kind === 'webhook') this.things.delete('delivery');
  }

  /** What was made after a backup is gone when that is restored. */
  forgetAllBut(kind: string): void {
    const kept = this.things.get(kind);
    this.things.clear();
    this.forgetSessions();
    if (kept) this.things.set(kind, kept);
  }

  /** An id of this kind's form that nothing has. */
  unknown(kind: string): string {
    if (kind === 'configVersion') return '999999';
    if (kind === 'pool' || kind === 'modelType') return 'nothing-of-this-name';
    return `${PREFIX[kind] ?? kind}_${UNKNOWN_ID}`;
  }

  private make(kind: string): Promise<string> {
    const maker = MAKERS[kind];
    if (!maker) throw new Error(`test/fuzz/world.ts cannot make: ${kind}`);
    return maker(this);
  }
}

const PREFIX: Record<string, string> = {
  spareTenant: 'tenant',
  oidcTenant: 'tenant',
  training: 'training',
  apiKey: 'key',
  webhook: 'webhook',
  enrollmentToken: 'enrolltoken',
};

const id = async (made: Promise<{ id: string }>): Promise<string> => (await made).id;

const MAKERS: Record<string, (w: World) => Promise<string>> = {
  async pool(w) {
    const name = unique(w.mark);
    await w.ask('POST', '/api/pools', 'owner', { name, algorithm: 'round_robin', health_check: noChecks });
    return name;
  },
  backend: async (w) =>
    id(
      w.ask('POST', '/api/backends', 'owner', {
        address: `192.0.2.1:${1024 + Math.floor(Math.random() * 60_000)}`,
        pool: await w.get('pool'),
        region: w.mark,
      }),
    ),
  route: async (w) =>
    id(
      w.ask('POST', '/api/routes', 'owner', {
        host: `${unique(w.mark)}.example.com`,
        pool: await w.get('pool'),
      }),
    ),
  apiKey: (w) => id(w.ask('POST', '/api/api-keys', 'owner', { name: unique(w.mark), role: 'member' })),
  webhook: (w) =>
    id(
      w.ask('POST', '/api/webhooks', 'owner', {
        url: `https://hooks.invalid/${unique(w.mark)}`,
        events: ['config.changed'],
        description: w.mark,
      }),
    ),
  async delivery(w) {
    const path = `/api/webhooks/${await w.get('webhook')}`;
    await w.ask('POST', `${path}/ping`);
    const list = await w.ask<{ id: string }[]>('GET', `${path}/deliveries`);
    return list[0]!.id;
  },
  pipeline: (w) =>
    id(
      w.ask('POST', '/api/ai/pipelines', 'owner', {
        name: unique(w.mark),
        type: 'text_processing',
        steps: [{ name: 'sentiment_analysis', parameters: {} }],
      }),
    ),
  async run(w) {
    const path = `/api/ai/pipelines/${await w.get('pipeline')}/run`;
    return (await w.ask<{ run_id: string }>('POST', path, 'owner', { input: `a good day, ${w.mark}` }))
      .run_id;
  },
  model: (w) =>
    id(
      w.ask('POST', '/api/ai/models', 'owner', {
        model_name: unique(w.mark),
        config: { base: 'sentiment-analysis' },
      }),
    ),
  modelType: async () => 'load_predictor',
  training: (w) =>
    id(
      w.ask('POST', '/api/ai/training/start', 'owner', {
        model_type: 'load_predictor',
        series: Array.from({ length: 60 }, (_, i) => ({
          timestamp: new Date(Date.UTC(2026, 5, 19) + i * 60_000).toISOString(),
          value: 100 + (i % 7),
        })),
      }),
    ),
  async anomaly() {
    throw new Error('anomalies are found, not made');
  },
  backup: (w) => id(w.ask('POST', '/api/backup/create', 'superadmin')),
  async certificate(w) {
    const host = `${unique(w.mark)}.example.com`;
    await w.ask('POST', '/api/routes', 'owner', { host, pool: await w.get('pool') });
    const { chain, privateKey } = await selfSigned([host]);
    return id(w.ask('POST', '/api/certificates', 'owner', { certificate: chain, private_key: privateKey }));
  },
  async invoice(w) {
    await w.get('subscription');
    return (await w.ask<{ id: string }[]>('GET', '/api/billing/invoices'))[0]!.id;
  },
  async subscription(w) {
    const list = await w.ask<{ id: string; status: string }[]>('GET', '/api/billing/subscriptions');
    const open = list.find((s) => s.status !== 'canceled');
    if (open) return open.id;
    const body = { plan: 'professional', billing_cycle: 'monthly', payment_method: 'manual' };
    return id(w.ask('POST', '/api/billing/subscriptions', 'owner', body));
  },
  async paymentEvent(w) {
    const payload = JSON.stringify({ id: `evt_${unique(w.mark)}`, object: 'event', type: 'something.new' });
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: WEBHOOK_SECRET });
    const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
    await fetch(`${w.server.api}/api/billing/webhooks`, { method: 'POST', headers, body: payload });
    return (await w.ask<{ id: string }[]>('GET', '/api/billing/webhooks/events', 'superadmin'))[0]!.id;
  },
  async configVersion(w) {
    await w.get('pool');
    return String((await w.ask<{ version: number }[]>('GET', '/api/config/versions'))[0]!.version);
  },
  async alert(w) {
    const labels = { alertname: 'Fuzz', severity: 'critical', tenant_id: w.tenant.tenantId };
    const alerts = [{ status: 'firing', labels, annotations: {}, startsAt: new Date().toISOString() }];
    await w.ask('POST', '/api/alerts/webhook', 'superadmin', { version: '4', status: 'firing', alerts });
    const list = await w.ask<{ id: string }[]>('GET', '/api/alerts');
    if (!list[0]) throw new Error('no alert');
    return list[0].id;
  },
  async user(w) {
    const path = `/api/tenants/${w.tenant.tenantId}/users`;
    const made = await w.ask<{ user_id: string }>('POST', path, 'owner', {
      email: `${unique(w.mark)}@example.com`,
      role: 'viewer',
      first_name: w.mark,
    });
    return made.user_id;
  },
  async viewerEmail(w) {
    const email = `${unique('viewer')}@example.com`;
    const body = { email, role: 'viewer', password: w.tenant.password };
    await w.ask('POST', `/api/tenants/${w.tenant.tenantId}/users`, 'owner', body);
    return email;
  },
  tenant: async (w) => w.tenant.tenantId,
  async oidcTenant(w) {
    await w.ask('PUT', `/api/tenants/${w.tenant.tenantId}/oidc/config`, 'owner', {
      provider_url: `https://${w.mark}.invalid`,
      client_id: w.mark,
      client_secret: w.mark,
      redirect_uri: `https://${w.mark}.example.com/callback`,
    });
    return w.tenant.tenantId;
  },
  spareTenant: (w) => id(w.ask('POST', '/api/tenants', 'superadmin', { name: unique('spare') })),
  async enrollmentSecret(w) {
    const body = { description: w.mark };
    return (await w.ask<{ token: string }>('POST', '/api/workers/enrollment-tokens', 'superadmin', body))
      .token;
  },
  enrollmentToken: (w) =>
    id(w.ask('POST', '/api/workers/enrollment-tokens', 'superadmin', { description: w.mark })),
  async worker(w) {
    const token = await w.get('enrollmentSecret');
    w.forget('enrollmentSecret');
    const body = { token, name: unique('worker'), hostname: 'h', platform: 'linux' };
    return (await w.ask<{ worker_id: string }>('POST', '/api/workers/enroll', 'owner', body)).worker_id;
  },
  async refresh(w) {
    const body = { email: w.tenant.email, password: w.tenant.password };
    return (await w.ask<{ refresh_token: string }>('POST', '/api/auth/login', 'owner', body)).refresh_token;
  },
  email: async (w) => w.tenant.email,
  newEmail: async () => `${unique('new')}@example.com`,
  newHost: async () => `${unique('h')}.example.com`,
  password: async (w) => w.tenant.password,
};

/** Kinds that are another one each time. */
export const NEW_EACH_TIME: ReadonlySet<string> = new Set([
  'newEmail',
  'newHost',
  'refresh',
  'enrollmentSecret',
]);
