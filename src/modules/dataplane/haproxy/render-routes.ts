import { normalPrefix } from '../embedded/routing/host-routes.js';
import { SnapshotRefused } from '../engine.js';
import type { MatchCondition, PoolConfig, RouteConfig, RouteTarget, TenantSlice } from '../snapshot.js';
import { checkedId, checkedLength, quoted, quotedBytes } from './escape.js';
import type { ConditionalRoute } from './model.js';
import { hasRules, retriesOf } from './render-features.js';
import type { PoolUse } from './render-pools.js';

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

/** Names as they stand in a URL, so that they need no decoding. */
const QUERY_NAME = /^[A-Za-z0-9_.~-]{1,100}$/;

function queryTest(name: string, equals: string | undefined, routeId: string): string {
  if (!QUERY_NAME.test(name)) {
    throw new SnapshotRefused(`${routeId}: a condition names a query parameter that is not plain`);
  }
  const pattern = name.replaceAll('.', '\\.');
  if (equals === undefined) return `{ query -m reg ${quoted(`(?:^|&)${pattern}(?:[=&]|$)`)} }`;
  if (equals === '') return `{ query -m reg ${quoted(`(?:^|&)${pattern}=?(?:&|$)`)} }`;
  return `{ ${quoted(`url_param(${name}),url_dec(1)`)} ${isWord(quoted(equals))} }`;
}
