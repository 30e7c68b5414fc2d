import { HostRoutes } from './host-routes.js';
import type { Matchable } from './match.js';
import type { Route } from './route.js';

/**
 * Finds the route of a request: the exact host, else the most specific wildcard, then the path. A host that is there
 * exactly never falls through to a wildcard, which may belong to someone else.
 */
export class Router {
  private readonly exact = new Map<string, HostRoutes>();
  /** Keyed by what follows `*.`. */
  private readonly wildcards = new Map<string, HostRoutes>();

  /** @param host Lower case, without port. */
  find(host: string, path: string, request: Matchable): Route | null {
    return this.routesOf(host)?.find(path, request) ?? null;
  }

  /** Puts a host's routes in place of what was there. */
  set(host: string, routes: HostRoutes): void {
    const { table, key } = this.place(host);
    table.set(key, routes);
  }

  remove(host: string): void {
    const { table, key } = this.place(host);
    table.delete(key);
  }

  /** Tenant that has this host (or this very wildcard), or null. */
  ownerOf(host: string): string | null {
    const { table, key } = this.place(host);
    return table.get(key)?.tenantId ?? null;
  }

  private routesOf(host: string): HostRoutes | null {
    const exact = this.exact.get(host);
    if (exact || this.wildcards.size === 0) return exact ?? null;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const found = this.wildcards.get(host.slice(dot + 1));
      if (found) return found;
    }
    return null;
  }

  private place(host: string): { table: Map<string, HostRoutes>; key: string } {
    return host.startsWith('*.')
      ? { table: this.wildcards, key: host.slice(2) }
      : { table: this.exact, key: host };
  }
}
