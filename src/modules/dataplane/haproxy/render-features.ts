import { createHash } from 'node:crypto';
import { SnapshotRefused } from '../engine.js';
import type { HeaderRules, PoolConfig, RouteConfig, RouteCors, RouteFeatures } from '../snapshot.js';
import {
  checkedBlock,
  checkedHeaderName,
  checkedInteger,
  checkedText,
  quoted,
  requestPath,
} from './escape.js';

/** Collects what the rules of one tenant's routes refer to. */
export interface RuleData {
  readonly values: Map<string, string>;
  readonly lists: Map<string, Set<string>>;
  readonly bodies: Map<string, string>;
  /** Text of stick-table sections by their name. */
  readonly tables: Map<string, string>;
}

/** Framing and connection fields: a rule that sets or removes one could make two messages of one (request smuggling). */
const PROTECTED_FIELDS = new Set([
  'connection',
  'content-length',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** An answer of HAProxy's own, in the form that every error of the data plane has. */
export function jsonReply(status: number, code: string, message: string, headers: string[] = []): string {
  const body = JSON.stringify({ error: true, code, message });
  const fields = headers.map((header) => ` hdr ${header}`).join('');
  return `return status ${status} content-type application/json${fields} string ${quoted(body)}`;
}

/** `/v1/` and `/v1` are the same prefix; the root is the empty string. As it stands in a request line. */
export function normalPrefix(prefix: string, routeId: string): string {
  const path = requestPath(checkedText(prefix, `${routeId}: the path prefix`));
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Whether the route has rules of its own in its pools' sections. */
export function hasRules(features: RouteFeatures): boolean {
  const { match: _match, retries: _retries, ...others } = features;
  return Object.values(others).some((value) => value !== undefined && value !== false);
}

/**
 * The rules of a route's features. They stand in the sections of the route's pools and act only on its requests.
 * Tenants' strings are not in the rules but in tables that the rules look up (`values.map`): nothing in them can be
 * taken for configuration, and they change without a reload.
 */
export function featureRules(route: RouteConfig, data: RuleData): string {
  const writer = new RuleWriter(route, data);
  writer.cors(route.features.cors);
  writer.addresses(route.features);
  writer.rateLimit(route.features.rateLimit);
  writer.maintenance(route.features.maintenance);
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

  cors(cors: RouteCors | undefined): void {
    if (!cors) return;
    const anyOrigin = cors.allowOrigins.includes('*');
    const allowed = anyOrigin
      ? '{ req.fhdr(origin) -m found }'
      : `{ req.fhdr(origin) -m str -f ${this.list('origins', cors.allowOrigins, checkedText)} }`;
    const origin = anyOrigin && !cors.allowCredentials ? 'str(*)' : 'req.fhdr(origin)';
    this.lines.push(`http-request set-var(txn.origin) ${origin} if ${this.mine} ${allowed}`);
    const answer = (action: string): void => {
      this.lines.push(`http-after-response ${action} if ${this.mine} { var(txn.origin) -m found }`);
    };
    answer("set-header Access-Control-Allow-Origin '%[var(txn.origin)]'");
    answer(
      `${cors.allowCredentials ? 'set-header' : 'del-header'} Access-Control-Allow-Credentials${cors.allowCredentials ? ' true' : ''}`,
    );
    if (cors.exposeHeaders?.length) {
      answer(`set-header Access-Control-Expose-Headers ${this.names('expose', cors.exposeHeaders)}`);
    }
    if (origin !== 'str(*)') this.lines.push(`http-after-response add-header Vary Origin if ${this.mine}`);
  }

  /** A preflight is answered here, allowed or not; the browser reads from the missing fields that it is not. */
  preflight(cors: RouteCors | undefined): void {
    if (!cors) return;
    const preflight = `${this.mine} { method OPTIONS } { req.hdr(origin) -m found } { req.hdr(access-control-request-method) -m found }`;
    const fields = [
      `Access-Control-Allow-Methods ${this.names('methods', cors.allowMethods)}`,
      `Access-Control-Allow-Headers ${this.names('headers', cors.allowHeaders)}`,
      `Access-Control-Max-Age ${checkedInteger(cors.maxAgeSeconds, 0, 31_536_000, `${this.id}: max age`)}`,
    ];
    const headers = fields.map((field) => ` hdr ${field}`).join('');
    this.lines.push(`http-request return status 204${headers} if ${preflight} { var(txn.origin) -m found }`);
    this.lines.push(`http-request return status 204 if ${preflight}`);
  }

  addresses({ ipAllow, ipDeny }: RouteFeatures): void {
    const refuse = `http-request ${jsonReply(403, 'ADDRESS_REFUSED', 'This address may not use this route')}`;
    const block = (text: string): string => checkedBlock(text, this.id);
    if (ipDeny?.length)
      this.lines.push(`${refuse} if ${this.mine} { src -f ${this.list('deny', ipDeny, block)} }`);
    if (ipAllow?.length)
      this.lines.push(`${refuse} if ${this.mine} !{ src -f ${this.list('allow', ipAllow, block)} }`);
  }

  /**
   * At most `burst` requests in any `burst / rate` seconds: the first `burst` at once, then `rate` a second. Only
   * admitted requests count, or a client that does not slow down would never get through.
   */
  rateLimit(limit: RouteFeatures['rateLimit']): void {
    if (!limit) return;
    const { requestsPerSecond, burst } = limit;
    if (!(requestsPerSecond > 0)) throw new SnapshotRefused(`${this.id}: the rate limit is not above 0`);
    const most = checkedInteger(burst, 1, 1_000_000, `${this.id}: burst`);
    const period = Math.min(2_000_000_000, Math.max(1, Math.round((most / requestsPerSecond) * 1000)));
    const table = `rl.${this.id}`;
    this.data.tables.set(
      table,
      `  stick-table type string len 110 size 16 expire ${2 * period}ms store gpc0,gpc0_rate(${period}ms)\n`,
    );
    const reply = jsonReply(429, 'RATE_LIMITED', 'Too many requests on this route', ['Retry-After 1']);
    this.lines.push(
      `http-request track-sc0 var(txn.route) table ${table} if ${this.mine}`,
      `http-request ${reply} if ${this.mine} { sc0_gpc0_rate ge ${most} }`,
      `http-request sc-inc-gpc0(0) if ${this.mine}`,
    );
  }

  maintenance(page: RouteFeatures['maintenance']): void {
    if (!page) return;
    const status = checkedInteger(page.status, 200, 599, `${this.id}: the status of the maintenance page`);
    const type = quoted(
      checkedText(page.contentType, `${this.id}: the content type of the maintenance page`),
    );
    const name = `bodies/${createHash('sha256').update(page.body).digest('hex').slice(0, 32)}`;
    this.data.bodies.set(name, page.body);
    this.lines.push(`http-request return status ${status} content-type ${type} file ${name} if ${this.mine}`);
  }

  redirect(redirect: RouteFeatures['redirect']): void {
    if (!redirect) return;
    const location = this.value(
      'location',
      requestPath(checkedText(redirect.location, `${this.id}: the redirect`)),
    );
    this.lines.push(`http-request redirect location ${location} code ${redirect.status} if ${this.mine}`);
  }

  /**
   * A declared length over the limit is refused at once. HAProxy cannot count a body that streams through, so one of
   * unknown length must declare it (411, RFC 9110 §15.5.12).
   */
  maxBody(limit: number | undefined): void {
    if (limit === undefined) return;
    const most = checkedInteger(limit, 0, Number.MAX_SAFE_INTEGER, `${this.id}: the body limit`);
    const tooLarge = jsonReply(413, 'BODY_TOO_LARGE', 'The request body is too large');
    const noLength = jsonReply(411, 'LENGTH_REQUIRED', 'This route needs a Content-Length');
    this.lines.push(
      `http-request ${tooLarge} if ${this.mine} { req.body_size gt ${most} }`,
      `http-request ${noLength} if ${this.mine} { req.fhdr(transfer-encoding) -m found }`,
      `http-request ${noLength} if ${this.mine} { req.ver 2.0 } { method POST PUT PATCH } !{ req.fhdr(content-length) -m found }`,
    );
  }

  timeout(milliseconds: number | undefined): void {
    if (milliseconds === undefined) return;
    const most = checkedInteger(milliseconds, 1, 2_147_483_647, `${this.id}: the response timeout`);
    this.lines.push(`http-request set-timeout server ${most} if ${this.mine}`);
  }

  headers(phase: 'http-request' | 'http-response', key: string, rules: HeaderRules | undefined): void {
    for (const name of rules?.remove ?? []) {
      if (name.toLowerCase() === 'host')
        throw new SnapshotRefused(`${this.id}: the header Host cannot be removed`);
      this.lines.push(`${phase} del-header ${quoted(this.fieldName(name))} if ${this.mine}`);
    }
    const set = Object.entries(rules?.set ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    set.forEach(([name, value], index) => {
      const text = this.value(`${key}${index}`, checkedText(value, `${this.id}: the header ${name}`));
      this.lines.push(`${phase} set-header ${quoted(this.fieldName(name))} ${text} if ${this.mine}`);
    });
  }

  /** The matched prefix is replaced; what is left always begins with a slash. */
  path({ stripPrefix, rewritePrefix }: RouteFeatures): void {
    if (!stripPrefix && rewritePrefix === undefined) return;
    const prefix = normalPrefix(this.route.pathPrefix, this.id);
    const replacement = normalPrefix(rewritePrefix ?? '', this.id);
    const rest = `%[path,bytes(${Buffer.byteLength(prefix)})]`;
    if (replacement === '') {
      this.lines.push(
        `http-request set-path '/' if ${this.mine} { path,length eq ${Buffer.byteLength(prefix)} }`,
      );
      if (prefix !== '') {
        this.lines.push(
          `http-request set-path '${rest}' if ${this.mine} { path,length gt ${Buffer.byteLength(prefix)} }`,
        );
      }
      return;
    }
    this.lines.push(
      `http-request set-path '%[${this.lookup('prefix', replacement)}]${rest}' if ${this.mine}`,
    );
  }

  private names(key: string, names: readonly string[]): string {
    return this.value(key, checkedText(names.join(', '), `${this.id}: the CORS ${key}`));
  }

  private fieldName(name: string): string {
    const checked = checkedHeaderName(name, `${this.id}: "${name.slice(0, 40)}"`);
    if (PROTECTED_FIELDS.has(checked.toLowerCase())) {
      throw new SnapshotRefused(`${this.id}: the header ${checked} cannot be changed by a rule`);
    }
    return checked;
  }

  private list(
    key: string,
    entries: readonly string[],
    check: (entry: string, what: string) => string,
  ): string {
    const name = `lists/${this.id}.${key}`;
    const checked = entries.map((entry) => check(entry, `${this.id}: the list ${key}`).trim());
    this.data.lists.set(name, new Set(checked.filter((entry) => entry !== '')));
    return name;
  }

  /** A format string that yields the text. */
  private value(key: string, text: string): string {
    return `'%[${this.lookup(key, text)}]'`;
  }

  /** An expression that yields the text. The mark in front keeps leading blanks and lets a value be empty. */
  private lookup(key: string, text: string): string {
    const name = `${this.id}.${key}`;
    this.data.values.set(name, `=${text}`);
    return `str(${name}),map_str(values.map),bytes(1)`;
  }
}
