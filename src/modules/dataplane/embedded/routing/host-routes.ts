import type { Matchable } from './match.js';
import { matchesAll } from './match.js';
import type { Route } from './route.js';

/** `/v1/` and `/v1` are the same prefix; the root is the empty string. */
export function normalPrefix(prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
}

const countSlashes = (text: string): number => text.split('/').length - 1;

/** The routes of one host: longest prefix on segment borders first, then most conditions. */
export class HostRoutes {
  private readonly byPrefix = new Map<string, Route[]>();
  private deepest = 0;

  constructor(
    /** A host belongs to one tenant. */
    readonly tenantId: string,
  ) {}

  add(route: Route): void {
    const prefix = normalPrefix(route.config.pathPrefix);
    const routes = this.byPrefix.get(prefix) ?? [];
    routes.push(route);
    routes.sort((a, b) => b.conditions.length - a.conditions.length);
    this.byPrefix.set(prefix, routes);
    this.deepest = Math.max(this.deepest, countSlashes(prefix));
  }

  find(path: string, request: Matchable): Route | null {
    // No deeper than the deepest prefix, so that a long path costs nothing.
    let end = endOfSegment(path, this.deepest);
    while (true) {
      const found = this.match(path.slice(0, end), request);
      if (found || end <= 0) return found;
      end = path.lastIndexOf('/', end - 1);
    }
  }

  private match(prefix: string, request: Matchable): Route | null {
    const routes = this.byPrefix.get(prefix);
    if (!routes) return null;
    for (const route of routes) {
      if (route.conditions.length === 0 || matchesAll(route.conditions, request)) return route;
    }
    return null;
  }
}

/** Where the path's first `count` segments end: `endOfSegment('/a/b/c', 2)` is 4. */
function endOfSegment(path: string, count: number): number {
  let end = 0;
  for (let i = 0; i < count; i++) {
    const next = path.indexOf('/', end + 1);
    if (next < 0) return path.length;
    end = next;
  }
  return end;
}
