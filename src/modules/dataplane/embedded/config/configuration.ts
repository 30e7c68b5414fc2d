import { onBehalfOf } from '../../engine.js';
import type { Snapshot, TenantSlice } from '../../snapshot.js';
import { compileRules } from '../features/route-rules.js';
import { Pool, type PoolContext } from '../pools/pool.js';
import { HostRoutes } from '../routing/host-routes.js';
import { Route } from '../routing/route.js';
import type { Router } from '../routing/router.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { CertificateStore } from '../tls/certificate-store.js';
import type { ChallengeAnswers } from '../tls/challenge-answers.js';
import { refuse, validateSlice } from './validate-slice.js';

/** What the snapshot says about TLS goes here. */
export interface TlsParts {
  readonly certificates: CertificateStore;
  readonly challenges: ChallengeAnswers;
  /** Port for redirects to HTTPS; null while there is no TLS door. */
  readonly httpsPort: () => number | null;
}

interface Tenant {
  readonly slice: TenantSlice;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly hosts: ReadonlySet<string>;
  readonly routes: ReadonlyMap<string, Route>;
}

/**
 * The configuration in effect. A snapshot is checked whole before anything is touched, then put into effect in one
 * turn of the event loop, so that no request sees half of it; tenants whose slice is the same object are left alone.
 */
export class Configuration {
  private tenants = new Map<string, Tenant>();

  constructor(
    private readonly router: Router,
    private readonly telemetry: Telemetry,
    private readonly pools: PoolContext,
    private readonly tls: TlsParts,
  ) {}

  /** @throws SnapshotRefused and changes nothing when the snapshot cannot run. */
  apply(snapshot: Snapshot): void {
    const changed: TenantSlice[] = [];
    for (const [id, slice] of snapshot.tenants)
      if (this.tenants.get(id)?.slice !== slice) changed.push(slice);
    const gone = [...this.tenants.keys()].filter((id) => !snapshot.tenants.has(id));
    const { certificates } = this.tls;
    const loaded = changed.map((slice) =>
      onBehalfOf(slice.tenantId, () => {
        validateSlice(slice);
        return certificates.load(slice.tenantId, slice.certificates ?? []);
      }),
    );
    this.checkOwnership(changed, new Set(gone));
    for (const id of gone) this.removeTenant(id);
    // Hosts may move between tenants: give all up before any is taken.
    for (const { tenantId } of changed) this.releaseHosts(tenantId);
    for (const { tenantId } of changed) certificates.remove(tenantId);
    for (const slice of changed) this.putTenant(slice);
    for (const [i, { tenantId }] of changed.entries()) certificates.put(tenantId, loaded[i]!);
  }

  /** Stops what the pools do on their own. */
  clear(): void {
    for (const id of [...this.tenants.keys()]) this.removeTenant(id);
  }

  /** A host, pool or backend belongs to one tenant. */
  private checkOwnership(changed: readonly TenantSlice[], gone: ReadonlySet<string>): void {
    const changing = new Set(changed.map(({ tenantId }) => tenantId));
    const staying = (owner: string | null | undefined): boolean =>
      !!owner && !changing.has(owner) && !gone.has(owner);
    const taken = new Map<string, string>();
    const claim = (thing: string, tenantId: string, liveOwner: string | null | undefined): void => {
      const owner = taken.get(thing) ?? (staying(liveOwner) ? liveOwner : tenantId);
      if (owner !== tenantId) refuse(thing, 'belongs to another tenant');
      taken.set(thing, tenantId);
    };
    for (const { tenantId, routes, pools, certificates = [] } of changed) {
      for (const { host } of routes) claim(`host ${host}`, tenantId, this.router.ownerOf(host));
      for (const host of certificates.flatMap(({ hosts }) => hosts))
        claim(`the certificate of ${host}`, tenantId, this.tls.certificates.ownerOf(host));
      const known = this.tenants.get(tenantId)?.pools;
      for (const pool of pools) {
        // nobody else changes, and these backends are the tenant's already
        if (changed.length === 1 && known?.get(pool.id)?.config === pool) continue;
        for (const { id } of pool.backends)
          claim(`backend ${id}`, tenantId, this.pools.backends.get(id)?.pool.tenantId);
      }
    }
  }

  private putTenant(slice: TenantSlice): void {
    const { tenantId } = slice;
    const old = new Map(this.tenants.get(tenantId)?.pools);
    const pools = new Map<string, Pool>();
    for (const config of slice.pools) {
      const existing = old.get(config.id);
      old.delete(config.id);
      existing?.update(config);
      pools.set(config.id, existing ?? new Pool(tenantId, config, this.pools));
    }
    for (const pool of old.values()) pool.retire();
    const routes = this.makeRoutes(slice, pools);
    this.tls.challenges.put(tenantId, slice.challenges ?? []);
    this.tenants.set(tenantId, { slice, pools, routes, hosts: this.putHosts(slice, routes) });
  }

  private makeRoutes(
    { tenantId, routes }: TenantSlice,
    pools: ReadonlyMap<string, Pool>,
  ): Map<string, Route> {
    const before = this.tenants.get(tenantId)?.routes;
    const made = new Map<string, Route>();
    for (const config of routes) {
      const same = before?.get(config.id);
      if (same?.config === config && same.targets.every(({ pool }) => pools.get(pool.config.id) === pool)) {
        made.set(config.id, same);
        continue;
      }
      const targets = config.targets.map(({ poolId, weight }) => ({ pool: pools.get(poolId)!, weight }));
      const rules = compileRules(config, before?.get(config.id)?.rules ?? null, this.tls.httpsPort);
      const counters = this.telemetry.countersFor(tenantId, config.id);
      made.set(config.id, new Route(tenantId, config, targets, counters, rules));
    }
    return made;
  }

  private putHosts({ tenantId }: TenantSlice, routes: ReadonlyMap<string, Route>): Set<string> {
    const hosts = new Map<string, HostRoutes>();
    for (const route of routes.values()) {
      const { host } = route.config;
      const ofHost = hosts.get(host) ?? new HostRoutes(tenantId);
      ofHost.add(route);
      hosts.set(host, ofHost);
    }
    for (const [host, ofHost] of hosts) this.router.set(host, ofHost);
    return new Set(hosts.keys());
  }

  private releaseHosts(tenantId: string): void {
    for (const host of this.tenants.get(tenantId)?.hosts ?? []) this.router.remove(host);
  }

  private removeTenant(tenantId: string): void {
    this.releaseHosts(tenantId);
    for (const pool of this.tenants.get(tenantId)?.pools.values() ?? []) pool.retire();
    this.tls.certificates.remove(tenantId);
    this.tls.challenges.remove(tenantId);
    this.tenants.delete(tenantId);
  }
}
