import { normalPrefix } from '../embedded/routing/host-routes.js';
import { SnapshotRefused } from '../engine.js';
import type { MatchCondition, PoolConfig, RouteConfig, RouteTarget, TenantSlice } from '../snapshot.js';
import { checkedId, checkedLength, quoted, quotedBytes } from './escape.js';
import type { ConditionalRoute } from './model.js';
import { hasRules, retriesOf } from './render-features.js';
import { type PoolUse, stickyCookieName } from './render-pools.js';

/** Section for requests that have no pool to go to. */
export const NO_POOL = 'be.none';
/** Scale of the thresholds between the targets of a weighted split. */
export const SPLIT_SCALE = 10_000;

/** @throws SnapshotRefused for an id that HAProxy could not take as a name */
export function poolsById(slice: TenantSlice): Map<string, PoolConfig> {
  return new Map(slice.pools.map((pool) => [checkedId(pool.id, 'pool'), pool]));
}

/** The targets that get traffic, each with its pool. */
export function usesOf(
  route: RouteConfig,
  pools: ReadonlyMap<string, PoolConfig>,
): { use: PoolUse; weight: number }[] {
  const targets = route.targets.filter(({ weight }) => weight > 0);
  return targets.map((target) => ({ use: useOf(route, target, pools), weight: target.weight }));
}

function useOf(route: RouteConfig, target: RouteTarget, pools: ReadonlyMap<string, PoolConfig>): PoolUse {
  const pool = pools.get(target.poolId)!;
  const retries = retriesOf(route, pool);
  return { pool, retries, section: retries === pool.retries ? pool.id : `${pool.id}.r${retries}` };
}

/** Whether HAProxy needs a section for this use: without servers and rules there is nothing to put into one. */
export function needsSection(route: RouteConfig, { pool }: PoolUse): boolean {
  return pool.backends.length > 0 || hasRules(route.features);
}

/**
 * What the frontend knows of a route, one line of `records.map`:
 * `tenant|prefix length|tls only|targets|section|pool`, then for each further target `|section|pool|threshold`: a
 * random number from 0 to SPLIT_SCALE − 1 that reaches the threshold chooses that target.
 */
export function record(tenantId: string, route: RouteConfig, pools: ReadonlyMap<string, PoolConfig>): string {
  const uses = usesOf(route, pools);
  const total = uses.reduce((sum, { weight }) => sum + weight, 0);
  const prefixLength = normalPrefix(route.pathPrefix).length;
  const fields = [tenantId, prefixLength, route.sslEnabled ? 1 : 0, uses.length];
  let sum = 0;
  for (const [index, { use, weight }] of uses.entries()) {
    fields.push(needsSection(route, use) ? use.section : NO_POOL, use.pool.id);
    if (index > 0) fields.push(Math.round((sum / total) * SPLIT_SCALE));
    sum += weight;
  }
  return fields.join('|');
}

/** The key under which the frontend finds routes: host, prefix, and a slash for the border of the segment. */
export function routeKey(route: RouteConfig): string {
  return `${route.host}${normalPrefix(route.pathPrefix)}/`;
}

/** The rule by which the frontend chooses a route that has conditions. */
export function conditionalRoute(
  route: RouteConfig,
  conditions: readonly MatchCondition[],
): ConditionalRoute {
  const prefixLength = normalPrefix(route.pathPrefix).length;
  const tests = [
    '!{ var(txn.conditional) -m found }',
    `{ var(txn.key) -m beg -- ${quoted(routeKey(route))} }`,
    `{ var(txn.depth) -m int le ${prefixLength} }`,
    `{ str(${route.id}),map_str(records.map) -m found }`,
    ...conditions.map((condition) => test(condition, route.id)),
  ];
  const text = `  http-request set-var(txn.conditional) str(${route.id}) if ${tests.join(' ')}\n`;
  return { routeId: route.id, text, prefixLength, conditions: conditions.length };
}

/**
 * The rules by which clients of a split keep the pool that their sticky cookie is of, as long as a server of it is
 * there; null where no pool is sticky. They come after all choices of routes.
 */
export function stickySplit(
  route: RouteConfig,
  pools: ReadonlyMap<string, PoolConfig>,
): ConditionalRoute | null {
  const uses = usesOf(route, pools);
  const sticky = uses.filter(({ use: { pool } }) => pool.stickySessions && pool.backends.length > 0);
  if (uses.length < 2 || sticky.length === 0) return null;
  const mine = route.features.match?.length
    ? `{ var(txn.conditional) -m str ${route.id} }`
    : `{ var(txn.route) -m str ${route.id} } !{ var(txn.conditional) -m found }`;
  const rules = sticky.flatMap(({ use: { pool, section } }) => {
    const cookie = `{ req.cook(${stickyCookieName(pool.id)}) -m found }`;
    const first = `${mine} !{ var(txn.held) -m found } ${cookie} { nbsrv(${section}) gt 0 }`;
    return [
      `  http-request set-var(txn.held_pool) str(${pool.id}) if ${first}\n`,
      `  http-request set-var(txn.held) str(${section}) if ${first}\n`,
    ];
  });
  return { routeId: route.id, text: rules.join(''), prefixLength: -1, conditions: 0 };
}

/** Longest prefix first, then most conditions; the order of the snapshot decides between equals. */
export function byPrecedence(a: ConditionalRoute, b: ConditionalRoute): number {
  return b.prefixLength - a.prefixLength || b.conditions - a.conditions;
}

function test({ in: where, name, equals }: MatchCondition, routeId: string): string {
  if (equals !== undefined) checkedLength(equals, `${routeId}: the value of a condition`);
  return where === 'header' ? headerTest(name, equals, routeId) : queryTest(name, equals, routeId);
}

/** Equality with a quoted word. A lone brace would end the condition in quotes also, so it is written in hexadecimal. */
const isWord = (word: string) => (word === quoted('}') ? '-m bin -- 7d' : `-m str -- ${word}`);

/** RFC 9110 §5.6.2 token. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;

function headerTest(name: string, equals: string | undefined, routeId: string): string {
  if (!FIELD_NAME.test(name)) throw new SnapshotRefused(`${routeId}: a condition names no header`);
  // in an argument of a fetch a quote begins a text, unless it is escaped
  const field = quoted(`req.fhdr(${name.replaceAll("'", "\\'")})`);
  if (equals === undefined) return `{ ${field} -m found }`;
  if (equals === '') return `{ ${field} -m len 0 }`;
  // No field can hold a character beyond a byte.
  if (/[\u0100-\uffff]/.test(equals)) return '{ always_false }';
  return `{ ${field} ${isWord(quotedBytes(equals))} }`;
}

/** Names as they stand in a URL. */
const QUERY_NAME = /^[A-Za-z0-9_.~-]{1,100}$/;

function queryTest(name: string, equals: string | undefined, routeId: string): string {
  if (!QUERY_NAME.test(name)) {
    throw new SnapshotRefused(`${routeId}: a condition names a query parameter that is not plain`);
  }
  const parameter = `(?:^|&)${formEncoded(name)}`;
  const value =
    equals === undefined ? '(?:[=&]|$)' : equals === '' ? '=?(?:&|$)' : `=${formEncoded(equals)}(?:&|$)`;
  return `{ query -m reg ${quoted(parameter + value)} }`;
}

/** A pattern for every way to write a text in a query (https://url.spec.whatwg.org/#urlencoded-parsing). */
function formEncoded(text: string): string {
  return [...Buffer.from(text)].map(formEncodedByte).join('');
}

function formEncodedByte(byte: number): string {
  const char = String.fromCharCode(byte);
  const hex = byte.toString(16).padStart(2, '0');
  const encoded = /[a-f]/.test(hex) ? `(?i:%${hex})` : `%${hex}`;
  if (char === ' ') return `(?:\\+|${encoded})`;
  // These do not stand for themselves in a query.
  if (byte >= 127 || byte < 32 || char === '&' || char === '+') return encoded;
  if (char === '%') return `(?:%(?![0-9A-Fa-f]{2})|${encoded})`;
  return `(?:${/[A-Za-z0-9]/.test(char) ? char : `\\x${hex}`}|${encoded})`;
}
