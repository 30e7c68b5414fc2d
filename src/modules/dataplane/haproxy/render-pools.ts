import { createHash } from 'node:crypto';
import type { Algorithm, BackendConfig, HealthCheckConfig, PoolConfig } from '../snapshot.js';
import { checkedId, checkedInteger } from './escape.js';
import type { BackendHost } from './host-addresses.js';
import type { RouteRules, Section, Server } from './model.js';

/** What the engine knows beyond the snapshot about one backend. */
export interface BackendOverrides {
  /** Address that the backend's host stands for; null when there is none that it may have. */
  address(backend: BackendHost): string | null;
  /** Weight from measurements (1–256), undefined to use the configured one. */
  weight(backendId: string): number | undefined;
}

/** HAProxy's largest weight. */
export const MAX_WEIGHT = 256;
/** A consistent hash keeps 16 places of 72 bytes for each unit of weight: 256 of them a server are enough. */
const MAX_HASH_WEIGHT = 16;
/** Connection errors in a row after which a server is taken out until its health check passes again. */
const ERROR_LIMIT = 3;
/** Where a server whose host name has no address stands; it is in maintenance. Port 9 is discard (RFC 863). */
const NOWHERE = { address: '127.0.0.1', port: 9 };

const BALANCE: Record<Algorithm, string> = {
  round_robin: 'roundrobin',
  weighted_round_robin: 'roundrobin',
  least_connections: 'leastconn',
  ip_hash: 'source',
  random: 'random(1)',
  // Weights from measured latency over least connections: see weights.ts.
  least_response_time: 'leastconn',
  adaptive_ai: 'leastconn',
};

/** Each pool has its own cookie, or two pools behind one host would overwrite each other's. */
export const stickyCookieName = (poolId: string): string => `VFSRV-${digest(poolId).slice(0, 8)}`;

/** Where a section keeps the sticky cookie that came. */
export const STICKY_COOKIE = 'txn.sticky';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A pool as one route uses it: the pool's own section, or a variant of it with other retries. */
export interface PoolUse {
  readonly section: string;
  readonly pool: PoolConfig;
  readonly retries: number;
}

interface RenderedPool {
  readonly plan: PoolPlan;
  readonly checkTargets: ReadonlyMap<string, string>;
  readonly checkSections: readonly Section[];
  /** By name. */
  readonly sections: Map<string, Section>;
}

/**
 * Renders the pools of one tenant, each once as long as its configuration is the same object: a change among a thousand
 * pools costs one. Addresses and weights are the overrides' of the first time; when they change a new renderer is due.
 */
export class PoolRenderer {
  private readonly rendered = new WeakMap<PoolConfig, RenderedPool>();

  constructor(
    private readonly cookieKey: string,
    private readonly overrides: BackendOverrides,
  ) {}

  /** What the checks of the pool's backends ask for, `host:port|path`, by the server's name. */
  checkTargets(pool: PoolConfig): ReadonlyMap<string, string> {
    return this.render(pool).checkTargets;
  }

  /** Sections that only check. */
  checkSections(pool: PoolConfig): readonly Section[] {
    return this.render(pool).checkSections;
  }

  /** The section of this use, with these rules. */
  section(use: PoolUse, rules: readonly RouteRules[]): Section {
    const { plan, sections } = this.render(use.pool);
    let section = sections.get(use.section);
    if (section && sameRules(section.rules, rules)) return section;
    section = section ? { ...section, rules } : poolSection(plan, use, rules, this.cookieKey, this.overrides);
    sections.set(use.section, section);
    return section;
  }

  private render(pool: PoolConfig): RenderedPool {
    const known = this.rendered.get(pool);
    if (known) return known;
    const plan = planPool(pool, this.overrides);
    const checked = pool.backends.filter(({ healthCheck }) => healthCheck.enabled);
    const rendered = {
      plan,
      checkTargets: new Map(checked.map((backend) => [backend.id, checkTarget(backend)])),
      checkSections: checkSections(plan, this.overrides),
      sections: new Map<string, Section>(),
    };
    this.rendered.set(pool, rendered);
    return rendered;
  }
}

const sameRules = (a: readonly RouteRules[], b: readonly RouteRules[]): boolean =>
  a.length === b.length && a.every(({ routeId, text }, i) => routeId === b[i].routeId && text === b[i].text);

/** The check that one section can make: its servers differ in path, interval, rise and fall only. */
type CheckKind = Pick<HealthCheckConfig, 'expectedStatus' | 'timeoutMs'>;

const kindKey = (check: CheckKind): string => `${check.expectedStatus}.${check.timeoutMs}`;

/**
 * The sections of one pool: its own, with the kind of check that most of its backends have, and one more for each
 * other kind, whose servers get no traffic; the pool's servers follow their state.
 */
interface PoolPlan {
  readonly pool: PoolConfig;
  readonly kind: CheckKind | null;
  readonly otherKinds: ReadonlyMap<string, CheckKind>;
  readonly weights: ReadonlyMap<string, number>;
  readonly ids: ReadonlyMap<string, number>;
}

function planPool(pool: PoolConfig, overrides: BackendOverrides): PoolPlan {
  const counts = new Map<string, { kind: CheckKind; count: number }>();
  for (const { healthCheck } of pool.backends) {
    if (!healthCheck.enabled) continue;
    const entry = counts.get(kindKey(healthCheck)) ?? { kind: checkKind(healthCheck, pool.id), count: 0 };
    entry.count++;
    counts.set(kindKey(healthCheck), entry);
  }
  // The first of the most frequent ones.
  const main = [...counts.values()].reduce<{ kind: CheckKind; count: number } | null>(
    (best, entry) => (best && best.count >= entry.count ? best : entry),
    null,
  );
  if (main) counts.delete(kindKey(main.kind));
  const otherKinds = new Map([...counts].map(([key, { kind }]) => [key, kind]));
  return {
    pool,
    kind: main?.kind ?? null,
    otherKinds,
    weights: weightsOf(pool, overrides),
    ids: serverIds(pool),
  };
}

function checkKind(check: HealthCheckConfig, poolId: string): CheckKind {
  return {
    expectedStatus: checkedInteger(check.expectedStatus, 100, 999, `${poolId}: the expected status`),
    timeoutMs: checkedInteger(check.timeoutMs, 1, 2_147_483_647, `${poolId}: the health check's timeout`),
  };
}

function poolSection(
  plan: PoolPlan,
  use: Omit<PoolUse, 'pool'>,
  rules: readonly RouteRules[],
  cookieKey: string,
  overrides: BackendOverrides,
): Section {
  const { pool, kind } = plan;
  const what = (field: string): string => `${pool.id}: ${field}`;
  const key = pool.stickySessions ? digest(`${cookieKey}:${pool.id}`).slice(0, 32) : null;
  const lines = [
    `balance ${BALANCE[pool.algorithm]}`,
    ...(pool.algorithm === 'ip_hash' ? ['hash-type consistent'] : []),
    `timeout connect ${checkedInteger(pool.connectTimeoutMs, 1, 2_147_483_647, what('the connect timeout'))}`,
    `timeout server ${checkedInteger(pool.responseTimeoutMs, 1, 2_147_483_647, what('the response timeout'))}`,
    `retries ${use.retries}`,
    'option redispatch 1',
    `retry-on ${use.retries > 0 ? 'conn-failure empty-response' : 'none'}`,
    ...(key ? stickyLines(stickyCookieName(pool.id), key) : []),
    ...(kind ? checkLines(kind) : []),
  ];
  const servers = pool.backends.map((backend) => poolServer(plan, backend, overrides));
  return {
    name: use.section,
    text: lines.map((line) => `  ${line}\n`).join(''),
    rules,
    servers: new Map(servers.map((server) => [server.name, server])),
    cookieKey: key,
  };
}

/** Rules of routes may take the Cookie field away, which is read after them: they put the pool's own back. */
function stickyLines(cookie: string, key: string): string[] {
  return [
    `cookie ${cookie} insert indirect nocache httponly attr SameSite=Lax dynamic`,
    `dynamic-cookie-key ${key}`,
    `http-request set-var-fmt(${STICKY_COOKIE}) '${cookie}=%[req.cook(${cookie})]' if { req.cook(${cookie}) -m found }`,
  ];
}

function checkSections(plan: PoolPlan, overrides: BackendOverrides): Section[] {
  return [...plan.otherKinds].map(([key, kind]) => {
    const backends = plan.pool.backends.filter(
      ({ healthCheck }) => healthCheck.enabled && kindKey(healthCheck) === key,
    );
    const lines = [`timeout connect ${plan.pool.connectTimeoutMs}`, ...checkLines(kind)];
    const servers = backends.map((backend) => ({
      ...baseServer(plan, backend, overrides),
      weight: 1,
      settings: `${idSetting(plan, backend)} ${checkSettings(backend.healthCheck)}`,
      checked: true,
    }));
    return {
      name: checkSectionName(plan.pool, key),
      text: lines.map((line) => `  ${line}\n`).join(''),
      rules: [],
      servers: new Map(servers.map((server) => [server.name, server])),
      cookieKey: null,
    };
  });
}

function checkTarget({ host, port, healthCheck }: BackendConfig): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}|${healthCheck.path}`;
}

const checkSectionName = (pool: PoolConfig, key: string): string => `${pool.id}.hc.${key}`;

function checkLines({ expectedStatus, timeoutMs }: CheckKind): string[] {
  const target = 'srv_name,map_str(checks.map)';
  return [
    'option httpchk',
    `http-check send meth GET uri-lf '%[${target},field(2,|,0)]' ver HTTP/1.1 hdr Host '%[${target},field(1,|)]' hdr User-Agent VeloFlux-HealthCheck hdr Connection close`,
    `http-check expect status ${expectedStatus}`,
    `timeout check ${timeoutMs}`,
  ];
}

function poolServer(plan: PoolPlan, backend: BackendConfig, overrides: BackendOverrides): Server {
  const { pool, otherKinds } = plan;
  const base = baseServer(plan, backend, overrides);
  const id = idSetting(plan, backend);
  const { healthCheck } = backend;
  if (!healthCheck.enabled) return { ...base, settings: id };
  const key = kindKey(healthCheck);
  if (otherKinds.has(key)) {
    const settings = `${id} track ${checkSectionName(pool, key)}/${backend.id}`;
    return { ...base, settings, tracking: true };
  }
  const passive = `observe layer4 error-limit ${ERROR_LIMIT} on-error mark-down`;
  return { ...base, settings: `${id} ${checkSettings(healthCheck)} ${passive}`, checked: true };
}

/**
 * A draining server has weight 0. Sticky clients would still reach it, so with sticky sessions it is put in
 * maintenance, which also lets requests in flight finish.
 */
function baseServer(plan: PoolPlan, backend: BackendConfig, overrides: BackendOverrides): Server {
  const { pool, weights } = plan;
  const address = overrides.address(backend);
  const draining = backend.adminState === 'draining';
  return {
    name: checkedId(backend.id, 'backend'),
    ...(address === null
      ? NOWHERE
      : { address, port: checkedInteger(backend.port, 1, 65_535, `${backend.id}: the port`) }),
    weight: draining ? 0 : weights.get(backend.id)!,
    maintenance: backend.adminState === 'disabled' || address === null || (draining && pool.stickySessions),
    settings: '',
    checked: false,
    tracking: false,
  };
}

function checkSettings({ intervalMs, rise, fall }: HealthCheckConfig): string {
  const most = 2_147_483_647;
  return `check inter ${checkedInteger(intervalMs, 1, most, 'the interval of a health check')} rise ${checkedInteger(rise, 1, 1000, 'rise')} fall ${checkedInteger(fall, 1, 1000, 'fall')}`;
}

const idSetting = (plan: PoolPlan, backend: BackendConfig): string => `id ${plan.ids.get(backend.id)}`;

/** Configured weights, scaled into HAProxy's range when one of the pool is beyond it; measured ones as they are. */
function weightsOf(pool: PoolConfig, overrides: BackendOverrides): Map<string, number> {
  const hashed = pool.algorithm === 'ip_hash';
  const range = hashed ? MAX_HASH_WEIGHT : MAX_WEIGHT;
  const most = Math.max(hashed ? 1 : range, ...pool.backends.map(({ weight }) => weight));
  return new Map(
    pool.backends.map(({ id, weight }) => {
      if (pool.algorithm === 'round_robin') return [id, 1];
      const scaled = Math.max(1, Math.round((weight * range) / most));
      return [id, overrides.weight(id) ?? scaled];
    }),
  );
}

/**
 * Numbers by which consistent hashing places servers: from the backend's id, so that they are the same after a
 * reload and on every node.
 */
function serverIds(pool: PoolConfig): Map<string, number> {
  const ids = new Map<string, number>();
  const taken = new Set<number>();
  for (const { id } of pool.backends) {
    let number = Number.parseInt(digest(id).slice(0, 8), 16) >>> 1 || 1;
    while (taken.has(number)) number++;
    taken.add(number);
    ids.set(id, number);
  }
  return ids;
}
