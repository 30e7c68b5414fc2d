import type { KeyPair } from '../../../common/tls.js';
import { CHALLENGE_PATH, portSuffix } from '../tls.js';
import { quoted } from './escape.js';
import { jsonReply } from './render-features.js';
import { NO_POOL, SPLIT_SCALE } from './render-routes.js';

/** What a configuration depends on besides the snapshot. */
export interface RenderOptions {
  /** Address to listen on. */
  readonly host: string;
  readonly httpPort: number;
  /** Null: no TLS door. */
  readonly httpsPort: number | null;
  /** Port of https URLs in redirects; the one that clients use from outside. */
  readonly publicHttpsPort: number;
  /** For clients that name no host with a certificate; null: they are turned away. */
  readonly defaultCertificate: KeyPair | null;
  /** Path of the runtime API's socket; a new one for every reload, so that it always leads to the newest worker. */
  readonly statsSocket: string;
  /** Where access log lines go, `address:port` (UDP). */
  readonly logAddress: string;
  /** Stands in every access line; letters and digits. */
  readonly logKey: string;
  /** User that workers run as when HAProxy is started by root; null: as who starts it. */
  readonly user: string | null;
  /** File from which a new worker learns which servers are down. */
  readonly stateFile: string;
  readonly maxConnections: number;
  /** Most file descriptors a process may have here. */
  readonly openFilesLimit: number;
  /** Null: one a core. */
  readonly threads: number | null;
  /** Sticky cookies hold a keyed hash of the backend's address. The same on every node. */
  readonly cookieKey: string;
  /** Longest life of a worker after its successor took over, seconds. */
  readonly hardStopAfterSeconds: number;
}

/** What the frontend needs so that it can find the routes of this snapshot. */
export interface FrontendNeeds {
  /** Label counts of wildcard hosts, most first. */
  readonly depths: readonly number[];
  readonly targets: number;
  readonly maxConnections: number;
  readonly openFiles: number;
  /** Over which the first health checks of a new worker are spread. */
  readonly checkSpreadMs: number;
}

const ERRORS: readonly (readonly [status: number, code: string, message: string])[] = [
  [400, 'BAD_REQUEST', 'The request is malformed'],
  [403, 'FORBIDDEN', 'The request was refused'],
  [408, 'REQUEST_TIMEOUT', 'The request came too slowly'],
  [500, 'PROXY_ERROR', 'The request could not be handled'],
  [502, 'BAD_GATEWAY', 'The backend sent no valid answer'],
  [503, 'NO_BACKEND', 'No backend is available'],
  [504, 'GATEWAY_TIMEOUT', 'The backend did not answer in time'],
];

/** One line of the access log. Text from clients is cut, then escaped, so a line always fits `len`. */
const logFormat = (key: string): string =>
  [
    `{"k":"${key}"`,
    '"t":"%[var(txn.tenant)]","r":"%[var(txn.route)]","o":"%[var(txn.pool)]","f":"%[var(txn.forwarded)]"',
    '"u":"%[var(txn.unknown)]","s":"%s","st":%ST,"bi":%U,"bo":%B,"ta":%Ta,"tr":%Tr,"tc":%Tc,"tw":%Tw',
    '"e":"%tsc","ci":"%ci","id":"%[var(txn.id)]"',
    '"m":"%[var(txn.method),bytes(0,20),json(utf8s)]","p":"%[var(txn.path),bytes(0,1024),json(utf8s)]"}',
  ].join(',');

/** `global`, `defaults` and the frontend up to where conditional routes are chosen. */
export function preamble(options: RenderOptions, needs: FrontendNeeds): string {
  return `${globalSection(options, needs)}\n${DEFAULTS}\n${frontendStart(options, needs)}`;
}

/** The rest of the frontend, and the section for requests without a pool. */
export function postamble(options: RenderOptions, needs: FrontendNeeds): string {
  return `${frontendEnd(options, needs)}\n${noPool()}`;
}

function lines(...parts: readonly (string | false)[]): string {
  return parts.map((part) => (part === false ? '' : `  ${part}\n`)).join('');
}

function globalSection(options: RenderOptions, needs: FrontendNeeds): string {
  return `global\n${lines(
    'default-path config',
    // For normalize-uri, which is marked experimental up to 2.8.
    'expose-experimental-directives',
    `stats socket ${options.statsSocket} mode 600 level admin`,
    'stats timeout 60s',
    `log ${options.logAddress} len 16384 format raw local0`,
    `maxconn ${needs.maxConnections}`,
    `ulimit-n ${needs.openFiles}`,
    options.user !== null && `user ${options.user}`,
    options.threads !== null && `nbthread ${options.threads}`,
    `hard-stop-after ${options.hardStopAfterSeconds}s`,
    'mworker-max-reloads 20',
    `server-state-file ${options.stateFile}`,
    // Checks of many servers must not come in waves.
    'spread-checks 5',
    // Else the first ones are spread over the longest interval there is, somebody else's included.
    `max-spread-checks ${needs.checkSpreadMs}ms`,
    'ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
    'tune.ssl.default-dh-param 2048',
  )}`;
}

const DEFAULTS = `defaults\n${lines(
  'mode http',
  'log global',
  'load-server-state-from-file global',
  'option dontlognull',
  'option log-health-checks',
  // Without it a reload closes idle connections under clients that are about to use them.
  'option idle-close-on-response',
  'timeout http-request 10s',
  'timeout http-keep-alive 60s',
  'timeout client 60s',
  'timeout client-fin 10s',
  'timeout connect 5s',
  'timeout server 60s',
  'timeout server-fin 10s',
  'timeout queue 5s',
  'timeout tunnel 1h',
  ...ERRORS.map(([status, code, message]) => {
    const body = JSON.stringify({ error: true, code, message });
    const retry = status === 503 ? ' hdr Retry-After 5' : '';
    return `http-error status ${status} content-type application/json string ${quoted(body)}${retry}`;
  }),
)}`;

const CHALLENGE = `{ path_beg ${CHALLENGE_PATH} }`;
const HOST_KNOWN = '{ var(txn.site) -m found }';
/** RFC 9110 §9.2.2. */
const IDEMPOTENT = '{ method GET HEAD OPTIONS TRACE PUT DELETE }';
/** Fields that belong to one connection (RFC 9110 §7.6.1) and that HAProxy itself would forward. */
const REQUEST_HOP_BY_HOP = [
  'Keep-Alive',
  'Proxy-Connection',
  'Proxy-Authorization',
  'TE',
  'Trailer',
  'HTTP2-Settings',
];
const RESPONSE_HOP_BY_HOP = ['Keep-Alive', 'Proxy-Connection', 'Proxy-Authenticate', 'Trailer'];
/** Fields about the connection itself; they come from HAProxy alone, but for the switch to WebSocket. */
const SWITCHING = ['Connection', 'Upgrade'];
/** As the embedded engine reads one: a name or address, with or without a port. */
const HOST_FIELD = '^(?:[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*\\.?|\\[[0-9a-f:.]+\\])(?::[0-9]{0,5})?$';
/** Fields in which a request may have passed through proxies before; more of them are not believed. */
const MOST_FORWARDED = 4;

function frontendStart(options: RenderOptions, needs: FrontendNeeds): string {
  const { httpPort, httpsPort } = options;
  const tls = `ssl crt-list certificates.list${options.defaultCertificate ? '' : ' strict-sni'} alpn h2,http/1.1`;
  return `frontend fe.http\n${lines(
    ...binds(options.host, httpPort),
    ...(httpsPort === null ? [] : binds(options.host, httpsPort, ` ${tls}`)),
    `log-format ${quoted(logFormat(options.logKey))}`,
    'http-request set-var(txn.method) method',
    'http-request set-var(txn.path) path',
    'http-request set-var(txn.id) req.fhdr(x-request-id) if { req.fhdr(x-request-id) -m reg ^[\\w.:;,=@+/-]{1,128}$ }',
    'http-request set-var(txn.id) uuid() unless { var(txn.id) -m found }',
    // The frontend adds it to answers of its own, too.
    "http-after-response set-header X-Request-Id '%[var(txn.id)]' unless { res.hdr(x-request-id) -m found }",
    `http-request ${jsonReply(405, 'METHOD_NOT_ALLOWED', 'This method is not forwarded')} if { method CONNECT TRACE }`,
    `http-request ${jsonReply(400, 'MISSING_HOST', 'The Host field is missing')} unless { req.hdr(host) -m found }`,
    `http-request ${jsonReply(400, 'BAD_HOST', 'The Host field is not a host')} unless { req.fhdr(host) -m reg -i ${quoted(HOST_FIELD)} } { req.fhdr(host) -m len le 262 }`,
    ...originForm(),
    ...dotSegments(),
    'http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.)',
    `http-request set-var(txn.challenge) var(txn.host),concat(,txn.path),map_str(challenges.map) if ${CHALLENGE} { method GET HEAD }`,
    "http-request return status 200 content-type text/plain hdr Cache-Control no-store lf-string '%[var(txn.challenge)]' if { var(txn.challenge) -m found }",
    'http-request set-var(txn.site) var(txn.host) if { var(txn.host),map_str(hosts.map) -m found }',
    ...needs.depths.flatMap(wildcardLookup),
    // The key has a slash at its end: /v1/ is then the beginning of /v1 and /v1/x, but not of /v10.
    'http-request set-var(txn.key) var(txn.site),concat(,txn.path,/)',
    'http-request set-var(txn.route) var(txn.key),map_beg(routes.map)',
    'http-request set-var(txn.record) var(txn.route),map_str(records.map)',
    'http-request set-var(txn.depth) int(0)',
    'http-request set-var(txn.depth) var(txn.record),field(2,|) if { var(txn.record) -m found }',
  )}`;
}

/** `::` stands for every address. On a socket of both families IPv4 clients would be told of as `::ffff:192.0.2.1`. */
function binds(host: string, port: number, settings = ''): string[] {
  if (host === '::') return [`bind 0.0.0.0:${port}${settings}`, `bind [::]:${port} v6only${settings}`];
  return [`bind ${host.includes(':') ? `[${host}]` : host}:${port}${settings}`];
}

/**
 * Backends get a path, whatever form the client gave its target (RFC 9112 §3.2.2). In HTTP/2 HAProxy keeps scheme and
 * authority with the path by itself.
 */
function originForm(): string[] {
  const absolute = '!{ url -m beg / } !{ req.ver 2.0 }';
  return [
    `http-request ${jsonReply(400, 'BAD_TARGET', 'The request target is not a path')} unless { url -m beg / } or { url -m reg -i '^https?://[^/?#@]+(?:/|$)' }`,
    `http-request set-uri '%[pathq]' if ${absolute} { path -m beg / }`,
    `http-request set-uri / if ${absolute}`,
  ];
}

/** Only a switch to WebSocket is passed on: any other protocol would carry requests past the routes' rules. */
function switching(): string[] {
  const offer =
    '{ method GET } { req.fhdr_cnt(upgrade) eq 1 } { req.fhdr(upgrade) -m str -i websocket } { req.hdr(connection) -m str -i upgrade }';
  return [
    `http-request set-var(txn.switch) bool(true) if ${offer}`,
    'http-request set-header Connection Upgrade if { var(txn.switch) -m bool }',
    ...SWITCHING.map((name) => `http-request del-header ${name} unless { var(txn.switch) -m bool }`),
    ...SWITCHING.map((name) => `http-response del-header ${name} unless { status 101 }`),
  ];
}

/** One field in place of those that came: a backend that reads the first one only must not read the client's own. */
function forwardedFor(): string[] {
  const came = (n: number) => Array.from({ length: n }, (_, i) => `%[req.fhdr(x-forwarded-for,${i + 1})], `);
  const joined = Array.from({ length: MOST_FORWARDED }, (_, i) => i + 1).map(
    (n) =>
      `http-request set-var-fmt(txn.via) '${came(n).join('')}' if { req.fhdr_cnt(x-forwarded-for) eq ${n} }`,
  );
  return [...joined, "http-request set-header X-Forwarded-For '%[var(txn.via)]%[src]'"];
}

/**
 * A route must not be chosen by a path that the backend would read as another one: `.` and `..` segments are resolved
 * (RFC 3986 §5.2.4), percent-encoded ones too (§6.2.2.3).
 */
function dotSegments(): string[] {
  const dots = '{ path -m sub /. /%2 } { path -m reg -i (?:^|/)(?:\\.|%2e){1,2}(?:/|$) }';
  return [
    // normalize-uri percent-decode-unreserved does nothing behind a condition (2.6).
    `http-request set-path '%[path,regsub(%2e,.,gi)]' if ${dots}`,
    `http-request normalize-uri path-strip-dot if ${dots}`,
    `http-request normalize-uri path-strip-dotdot full if ${dots}`,
    'http-request set-var(txn.path) path',
  ];
}

/** `*.example.com` stands for hosts with more than its two labels that end in them. An exact host comes first. */
function wildcardLookup(depth: number): string[] {
  const unknown = `!${HOST_KNOWN}`;
  const longer = `{ var(txn.host),field(-${depth + 1},.) -m len ge 1 }`;
  return [
    `http-request set-var(txn.parent) var(txn.host),field(-1,.,${depth}) if ${unknown} ${longer}`,
    `http-request set-var(txn.site) str(*.),concat(,txn.parent) if ${unknown} ${longer} { var(txn.parent),map_str(wildcards.map) -m found }`,
  ];
}

function frontendEnd(options: RenderOptions, needs: FrontendNeeds): string {
  const notFound = jsonReply(404, 'UNKNOWN_HOST', 'No route serves this host and path');
  return lines(
    'http-request set-var(txn.route) var(txn.conditional) if { var(txn.conditional) -m found }',
    'http-request set-var(txn.record) var(txn.route),map_str(records.map) if { var(txn.conditional) -m found }',
    'http-request set-var(txn.unknown) str(1) unless { var(txn.record) -m found }',
    `http-request ${notFound} unless { var(txn.record) -m found }`,
    'http-request set-var(txn.tenant) var(txn.record),field(1,|)',
    options.httpsPort !== null &&
      `http-request redirect prefix 'https://%[var(txn.host)]${portSuffix(options.publicHttpsPort)}' code 308 if { var(txn.record),field(3,|) -m str 1 } !{ ssl_fc } !${CHALLENGE}`,
    'http-request set-var(txn.section) var(txn.record),field(5,|)',
    'http-request set-var(txn.pool) var(txn.record),field(6,|)',
    ...splitRules(needs.targets),
    'http-request del-header X-Forwarded-Proto',
    'http-request del-header X-Forwarded-Host',
    ...forwardedFor(),
    'http-request set-header X-Forwarded-Proto http unless { ssl_fc }',
    'http-request set-header X-Forwarded-Proto https if { ssl_fc }',
    "http-request set-header X-Forwarded-Host '%[req.hdr(host)]'",
    "http-request set-header X-Request-Id '%[var(txn.id)]'",
    ...switching(),
    ...REQUEST_HOP_BY_HOP.map((name) => `http-request del-header ${name}`),
    ...RESPONSE_HOP_BY_HOP.map((name) => `http-response del-header ${name}`),
    // Its sticky cookies, over TLS.
    "http-after-response replace-header Set-Cookie '^(VFSRV-.*)$' '\\1; Secure' if { ssl_fc }",
    // Once it was sent, a request is only repeated when doing it twice is the same as doing it once.
    `http-request disable-l7-retry unless ${IDEMPOTENT}`,
    "use_backend '%[var(txn.section)]'",
    `default_backend ${NO_POOL}`,
  );
}

/**
 * Weighted splits: the last target whose threshold the random number reaches, unless a sticky cookie holds the client
 * at another one. Fields as in records.map.
 */
function splitRules(targets: number): string[] {
  const rules = [
    `http-request set-var(txn.chance) rand(${SPLIT_SCALE}) if { var(txn.record),field(4,|) -m int ge 2 }`,
  ];
  for (let target = 2; target <= targets; target++) {
    const section = 7 + 3 * (target - 2);
    const there = `{ var(txn.chance) -m found } { var(txn.record),field(4,|) -m int ge ${target} }`;
    const reached = '{ var(txn.chance),sub(txn.threshold) -m int ge 0 }';
    rules.push(
      `http-request set-var(txn.threshold) var(txn.record),field(${section + 2},|) if ${there}`,
      `http-request set-var(txn.section) var(txn.record),field(${section},|) if ${there} ${reached}`,
      `http-request set-var(txn.pool) var(txn.record),field(${section + 1},|) if ${there} ${reached}`,
    );
  }
  rules.push(
    'http-request set-var(txn.section) var(txn.held) if { var(txn.held) -m found }',
    'http-request set-var(txn.pool) var(txn.held_pool) if { var(txn.held) -m found }',
  );
  return rules;
}

function noPool(): string {
  return `backend ${NO_POOL}\n${lines(`http-request ${jsonReply(503, 'NO_BACKEND', 'No backend is available', ['Retry-After 5'])}`)}`;
}
