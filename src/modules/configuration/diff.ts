import type { ConfigDocument } from './document.dto.js';
import { canonical, routeKey } from './document.js';

/** One difference between two documents. `path` is a JSON pointer (RFC 6901) in which entries stand under their names. */
export interface Difference {
  op: 'add' | 'remove' | 'replace';
  path: string;
  from?: unknown;
  to?: unknown;
}

type Tree = { [key: string]: unknown };

/** The document with names as keys, so that an entry that moved within its list is the same entry. */
const keyed = (document: ConfigDocument): Tree => ({
  pools: Object.fromEntries(
    document.pools.map(({ name, backends, ...pool }) => [
      name,
      { ...pool, backends: Object.fromEntries((backends ?? []).map(({ address, ...b }) => [address, b])) },
    ]),
  ),
  routes: Object.fromEntries(document.routes.map((route) => [routeKey(route), route])),
});

const isTree = (value: unknown): value is Tree =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

function compare(from: Tree, to: Tree, path: string): Difference[] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return keys.flatMap((key): Difference[] => {
    const [a, b] = [from[key], to[key]];
    const at = `${path}/${escaped(key)}`;
    if (canonical(a) === canonical(b)) return [];
    if (a === undefined) return [{ op: 'add', path: at, to: b }];
    if (b === undefined) return [{ op: 'remove', path: at, from: a }];
    return isTree(a) && isTree(b) ? compare(a, b, at) : [{ op: 'replace', path: at, from: a, to: b }];
  });
}

/** What must change in `from` to get `to`. */
export const differences = (from: ConfigDocument, to: ConfigDocument): Difference[] =>
  compare(keyed(from), keyed(to), '');
