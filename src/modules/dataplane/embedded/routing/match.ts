import type { MatchCondition } from '../../snapshot.js';
import { headerValues } from '../http/headers.js';

/** What conditions are checked against. */
export interface Matchable {
  readonly rawHeaders: readonly string[];
  /** With its question mark, or empty. */
  readonly query: string;
}

/** True when every condition holds. Header names are compared without case, everything else exactly. */
export function matchesAll(conditions: readonly MatchCondition[], request: Matchable): boolean {
  return conditions.every((condition) => matches(condition, request));
}

function matches({ in: where, name, equals }: MatchCondition, { rawHeaders, query }: Matchable): boolean {
  if (where === 'header') {
    const values = headerValues(rawHeaders, name.toLowerCase());
    return equals === undefined ? values.length > 0 : values.includes(equals);
  }
  if (query.length < 2) return false;
  const values = new URLSearchParams(query).getAll(name);
  return equals === undefined ? values.length > 0 : values.includes(equals);
}

/** The same for conditions in another order: tells whether two routes would compete for the same requests. */
export function conditionsKey(conditions: readonly MatchCondition[] = []): string {
  const keys = conditions.map(({ in: where, name, equals }) =>
    JSON.stringify([where, where === 'header' ? name.toLowerCase() : name, equals ?? null]),
  );
  return keys.sort().join('&');
}
