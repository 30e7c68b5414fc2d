import { createHash } from 'node:crypto';
import { endsWithHead } from '../../../common/http-statuses.js';
import { MAX_PAGE_BYTES } from '../../../common/load-balancing.js';
import { normalPrefix } from '../embedded/routing/host-routes.js';
import { SnapshotRefused } from '../engine.js';
import type { HeaderRules, PoolConfig, RouteConfig, RouteCors, RouteFeatures } from '../snapshot.js';
import { checkedInteger, checkedLength, quoted } from './escape.js';
import { STICKY_COOKIE } from './render-pools.js';

/** Collects what the rules of one tenant's routes refer to. */
export interface RuleData {
  readonly values: Map<string, string>;
  readonly lists: Map<string, Set<string>>;
  readonly bodies: Map<string, string>;
  /** Text of stick-table sections by their name. */
  readonly tables: Map<string, string>;
}

/** Clients remembered per rate limit; beyond it the oldest are forgotten. */
const MOST_CLIENTS = 10_000;

/** An answer of HAProxy's own, in the form that every error of the data plane has. */
export function jsonReply(status: number, code: string, message: string, headers: string[] = []): string {
  const body = JSON.stringify({ error: true, code, message });
  const fields = headers.map((header) => ` hdr ${header}`).join('');
  return `return status ${status} content-type application/json${fields} string ${quoted(body)}`;
}

/** Whether the route has rules of its own in its pools' sections. */
export function hasRules(features: RouteFeatures): boolean {
  const { match: _match, retries: _retries, ...others } = features;
  return Object.values(others).some((value) => value !== undefined && value !== false);
}

/**
 * The rules of a route's features. They stand in the sections of the route's pools and act only on its requests.
 * Tenants' texts are not in the rules but in tables that the rules look up, in base64: nothing in them can be taken
 * for configuration, and they change without a reload.
 */
export function featureRules(route: RouteConfig, data: RuleData): string {
  const writer = new RuleWriter(route, data);
  writer.cors(route.features.cors);
  writer.addresses(route.features);
  writer.maintenance(route.features.maintenance);
  writer.rateLimit(route.features.rateLimit);
  writer.redirect(route.features.redirect);
  writer.preflight(route.features.cors);
  writer.maxBody(route.features.maxBodyBytes);
  writer.timeout(route.features.responseTimeoutMs);
  writer.headers('http-request', 'q', route.features.requestHeaders);
  writer.headers('http-response', 's', route.features.responseHeaders);
  writer.path(route.features);
  return writer.lines.map((line) => `  ${line}\n`).join('');
}

/** A variant of a pool is needed where a route retries otherwise than its pool. */
export function retriesOf(route: RouteConfig, pool: PoolConfig): number {
  return checkedInteger(route.features.retries ?? pool.retries, 0, 100, `${route.id}: retries`);
}

class RuleWriter {
  readonly lines: string[] = [];
  private readonly id: string;
  private readonly mine: string;

  constructor(
    private readonly route: RouteConfig,
    private readonly data: RuleData,
  ) {
    this.id = route.id;
    this.mine = `{ var(txn.route) -m str ${route.id} }`;
  }

  /** What a backend says about CORS is replaced by what the route says (https://fetch.spec.whatwg.org/#http-cors-protocol). */
  cors(cors: RouteCors | undefined): void {
    if (!cors) return;
    const anyOrigin = cors.allowOrigins.includes('*');
    const allowed = anyOrigin
      ? '{ req.fhdr(origin) -m found }'
      : `{ req.fhdr(origin) -m str -f ${this.list('origins', cors.allowOrigins)} }`;
    this.add(`http-request set-var(txn.origin) ${anyOrigin ? 'str(*)' : 'req.fhdr(origin)'}`, allowed);
    this.add('http-response del-header access-control- -m beg');
    const permit = (field: string): void => {
      this.add(`http-after-response set-header ${field}`, '{ var(txn.origin) -m found }');
    };
    permit("Access-Control-Allow-Origin '%[var(txn.origin)]'");
    // With `*` browsers refuse credentials, and echoing any origin would give them to everybody.
    if (cors.allowCredentials && !anyOrigin) permit('Access-Control-Allow-Credentials true');
    if (cors.exposeHeaders?.length) {
      permit(`Access-Control-Expose-Headers ${this.value('expose', cors.exposeHeaders.join(', '))}`);
    }
    if (!anyOrigin) this.add('http-after-response add-header Vary Origin');
  }

  /** A preflight is answered here, allowed or not; the browser reads from the missing fields that it is not. */
  preflight(cors: RouteCors | undefined): void {
    if (!cors) return;
    const preflight =
      '{ method OPTIONS } { req.hdr(origin) -m found } { req.hdr(access-control-request-method) -m found }';
    const maxAge = checkedInteger(cors.maxAgeSeconds, 0, 2_147_483_647, `${this.id}: max age`);
    const fields = [
      `Access-Control-Max-Age ${maxAge}`,
      ...this.permission('Access-Control-Allow-Methods', 'methods', cors.allowMethods),
      ...this.permission('Access-Control-Allow-Headers', 'headers', cors.allowHeaders),
    ];
    const headers = fields.map((field) => ` hdr ${field}`).join('');
    this.add(`http-request return status 204${headers}`, `${preflight} { var(txn.origin) -m found }`);
    this.add('http-request return status 204', preflight);
  }

  addresses({ ipAllow, ipDeny }: RouteFeatures): void {
    const refuse = `http-request ${jsonReply(403, 'ADDRESS_REFUSED', 'This address may not use this route')}`;
    if (ipDeny?.length) this.add(refuse, `{ src -f ${this.list('deny', ipDeny)} }`);
    if (ipAllow?.length) this.add(refuse, `!{ src -f ${this.list('allow', ipAllow)} }`);
  }

  /**
   * At most `burst` requests of a client in any `burst / rate` seconds: the first `burst` at once, then `rate` a
   * second. Only admitted requests count, or a client that does not slow down would never get through. The counts do
   * not outlive a reload.
   */
  rateLimit(limit: RouteFeatures['rateLimit']): void {
    if (!limit) return;
    const burst = checkedInteger(Math.max(1, limit.burst), 1, 1_000_000_000, `${this.id}: burst`);
    const period = Math.min(1_000_000_000, Math.max(1, Math.round((burst / limit.requestsPerSecond) * 1000)));
    const table = `rl.${this.id}`;
    this.data.tables.set(
      table,
      `  stick-table type ipv6 size ${MOST_CLIENTS} expire ${2 * period}ms store gpc0,gpc0_rate(${period}ms)\n`,
    );
    const seconds = Math.max(1, Math.ceil(1 / limit.requestsPerSecond));
    const reply = jsonReply(429, 'RATE_LIMITED', 'Too many requests', [`Retry-After ${seconds}`]);
    this.add(`http-request track-sc0 src table ${table}`);
    this.add(`http-request ${reply}`, `{ sc0_gpc0_rate ge ${burst} }`);
    this.add('http-request sc-inc-gpc0(0)');
  }

  /** HAProxy refuses a page for a status that has no content (RFC 9110 §15.3.5, §15.4.5). */
  maintenance(page: RouteFeatures['maintenance']): void {
    if (!page) return;
    const status = checkedInteger(page.status, 200, 599, `${this.id}: the status of the maintenance page`);
    if (endsWithHead(status)) {
      this.add(`http-request return status ${status} hdr Cache-Control no-store`);
      return;
    }
    if (Buffer.byteLength(page.body) > MAX_PAGE_BYTES)
      throw new SnapshotRefused(`${this.id}: the maintenance page is longer than ${MAX_PAGE_BYTES} bytes`);
    const name = `bodies/${createHash('sha256').update(page.body).digest('hex').slice(0, 32)}`;
    this.data.bodies.set(name, page.body);
    this.add(
      `http-request return status ${status} content-type ${quoted(page.contentType)} file ${name} hdr Cache-Control no-store`,
    );
  }

  redirect(redirect: RouteFeatures['redirect']): void {
    if (!redirect) return;
    // `http-request redirect` would forbid caching.
    this.add(
      `http-request return status ${redirect.status} hdr Location ${this.value('location', redirect.location)}`,
    );
  }

  /**
   * A declared length over the limit is refused at once. HAProxy cannot count a body that streams through, so one of
   * unknown length must declare it (411, RFC 9110 §15.5.12). Whether there is one HTTP/2 only tells by its beginning.
   */
  maxBody(limit: number | undefined): void {
    if (limit === undefined) return;
    const most = checkedInteger(limit, 0, Number.MAX_SAFE_INTEGER, `${this.id}: the body limit`);
    const noLength = `http-request ${jsonReply(411, 'LENGTH_REQUIRED', 'This route needs a Content-Length')}`;
    this.add(
      `http-request ${jsonReply(413, 'BODY_TOO_LARGE', 'The request body is too large')}`,
      `{ req.body_size gt ${most} }`,
    );
    this.add(noLength, '{ req.fhdr(transfer-encoding) -m found }');
    const unknown = '{ req.ver 2.0 } !{ req.fhdr(content-length) -m found }';
    this.add('http-request wait-for-body time 10s at-least 1', unknown);
    this.add(noLength, `${unknown} { req.body_len gt 0 }`);
  }

  timeout(milliseconds: number | undefined): void {
    if (milliseconds === undefined) return;
    const most = checkedInteger(milliseconds, 1, 2_147_483_647, `${this.id}: the response timeout`);
    this.add(`http-request set-timeout server ${most}`);
  }

  headers(phase: 'http-request' | 'http-response', key: string, rules: HeaderRules | undefined): void {
    for (const name of rules?.remove ?? []) this.add(`${phase} del-header ${quoted(name)}`);
    const set = Object.entries(rules?.set ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    set.forEach(([name, value], index) => {
      this.add(`${phase} set-header ${quoted(name)} ${this.value(`${key}${index}`, value)}`);
    });
    const touched = [...(rules?.remove ?? []), ...set.map(([name]) => name)];
    if (phase === 'http-request' && touched.some((name) => name.toLowerCase() === 'cookie'))
      this.add(
        `http-request add-header Cookie '%[var(${STICKY_COOKIE})]'`,
        `{ var(${STICKY_COOKIE}) -m found }`,
      );
  }

  /** The matched prefix is replaced; what is left always begins with a slash. */
  path({ stripPrefix, rewritePrefix }: RouteFeatures): void {
    if (!stripPrefix && rewritePrefix === undefined) return;
    const { length } = normalPrefix(this.route.pathPrefix);
    const replacement = normalPrefix(rewritePrefix ?? '');
    const rest = `%[path,bytes(${length})]`;
    if (replacement !== '') {
      this.add(`http-request set-path '%[${this.lookup('prefix', replacement)}]${rest}'`);
      return;
    }
    this.add('http-request set-path /', `{ path,length eq ${length} }`);
    this.add(`http-request set-path '${rest}'`, `{ path,length gt ${length} }`);
  }

  private add(rule: string, condition = ''): void {
    this.lines.push(`${rule} if ${this.mine}${condition === '' ? '' : ` ${condition}`}`);
  }

  private permission(field: string, key: string, names: readonly string[]): string[] {
    return names.length === 0 ? [] : [`${field} ${this.value(key, names.join(', '))}`];
  }

  private list(key: string, entries: readonly string[]): string {
    const name = `lists/${this.id}.${key}`;
    this.data.lists.set(name, new Set(entries.map((entry) => entry.trim()).filter((entry) => entry !== '')));
    return name;
  }

  /** A format string that yields the text. */
  private value(key: string, text: string): string {
    return `'%[${this.lookup(key, text)}]'`;
  }

  /** An expression that yields the text, a byte for each character. The mark in front lets a value be empty. */
  private lookup(key: string, text: string): string {
    const name = `${this.id}.${key}`;
    const bytes = Buffer.from(`=${checkedLength(text, name)}`, 'latin1');
    this.data.values.set(name, bytes.toString('base64'));
    return `str(${name}),map_str(values.map),b64dec,bytes(1)`;
  }
}
