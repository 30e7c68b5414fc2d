import { validateSlice } from '../embedded/config/validate-slice.js';
import { onBehalfOf } from '../engine.js';
import type { RouteConfig, TenantSlice } from '../snapshot.js';
import { checkedId } from './escape.js';
import type { ConditionalRoute, RouteRules, Section, Server, TableName, TenantFragment } from './model.js';
import { TABLE_NAMES } from './model.js';
import { certificateFiles, challengeKey } from './render-certificates.js';
import { featureRules, hasRules, type RuleData } from './render-features.js';
import type { PoolRenderer, PoolUse } from './render-pools.js';
import {
  byPrecedence,
  conditionalRoute,
  needsSection,
  poolsById,
  record,
  routeKey,
  stickySplit,
  usesOf,
} from './render-routes.js';

/** A section to write, with the rules that go into it. */
interface Wanted {
  readonly use: PoolUse;
  readonly rules: RouteRules[];
}

/**
 * Renders one tenant. Pure; throws SnapshotRefused for what HAProxy cannot run.
 *
 * A pool without backends gets no section unless rules need a place, so that making a pool costs no reload: its first
 * backend does, with the right health check.
 */
export function renderTenant(slice: TenantSlice, pools: PoolRenderer): TenantFragment {
  return new TenantRenderer(slice, pools).render();
}

class TenantRenderer {
  private readonly maps = Object.fromEntries(TABLE_NAMES.map((name) => [name, new Map()])) as Record<
    TableName,
    Map<string, string>
  >;
  private readonly data: RuleData = {
    values: this.maps.values,
    lists: new Map(),
    bodies: new Map(),
    tables: new Map(),
  };
  private readonly pools = poolsById(this.slice);
  private readonly wanted = new Map<string, Wanted>();
  private readonly conditionals: ConditionalRoute[] = [];
  private readonly wildcardDepths = new Set<number>();
  private mostTargets = 1;

  constructor(
    private readonly slice: TenantSlice,
    private readonly poolRenderer: PoolRenderer,
  ) {}

  render(): TenantFragment {
    return onBehalfOf(this.slice.tenantId, () => this.fragment());
  }

  private fragment(): TenantFragment {
    validateSlice(this.slice);
    checkedId(this.slice.tenantId, 'tenant');
    for (const pool of this.slice.pools) {
      if (pool.backends.length > 0) this.want({ pool, retries: pool.retries, section: pool.id });
      for (const [backendId, target] of this.poolRenderer.checkTargets(pool))
        this.maps.checks.set(backendId, target);
    }
    for (const route of this.slice.routes) this.route(route);
    for (const challenge of this.slice.challenges ?? [])
      this.maps.challenges.set(challengeKey(challenge), challenge.keyAuthorization);
    const sections = this.sections();
    return {
      tenantId: this.slice.tenantId,
      sections: new Map(sections.map((section) => [section.name, section])),
      conditionals: this.conditionals.sort(byPrecedence),
      certificates: certificateFiles(this.slice.certificates ?? []),
      tables: { maps: this.maps, lists: this.data.lists },
      bodies: this.data.bodies,
      wildcardDepths: this.wildcardDepths,
      mostTargets: this.mostTargets,
    };
  }

  private route(route: RouteConfig): void {
    const { maps } = this;
    checkedId(route.id, 'route');
    this.host(route);
    maps.records.set(route.id, record(this.slice.tenantId, route, this.pools));
    const conditions = route.features.match ?? [];
    const key = routeKey(route);
    if (conditions.length > 0) this.conditionals.push(conditionalRoute(route, conditions));
    else maps.routes.set(key, route.id);
    const held = stickySplit(route, this.pools);
    if (held) this.conditionals.push(held);
    this.rules(route);
  }

  private host(route: RouteConfig): void {
    const { host } = route;
    if (!host.startsWith('*.')) {
      this.maps.hosts.set(host, this.slice.tenantId);
      return;
    }
    const parent = host.slice(2);
    this.maps.wildcards.set(parent, this.slice.tenantId);
    this.wildcardDepths.add(parent.split('.').length);
  }

  private rules(route: RouteConfig): void {
    const uses = usesOf(route, this.pools);
    this.mostTargets = Math.max(this.mostTargets, uses.length);
    const rules = hasRules(route.features)
      ? [{ routeId: route.id, text: featureRules(route, this.data) }]
      : [];
    for (const { use } of uses) {
      if (needsSection(route, use)) this.want(use).rules.push(...rules);
    }
  }

  private want(use: PoolUse): Wanted {
    const wanted = this.wanted.get(use.section) ?? { use, rules: [] };
    this.wanted.set(use.section, wanted);
    return wanted;
  }

  private sections(): Section[] {
    const tables = [...this.data.tables].map(([name, text]) => ({
      name,
      text,
      rules: [],
      servers: new Map<string, Server>(),
      cookieKey: null,
    }));
    const used = new Set([...this.wanted.values()].map(({ use }) => use.pool));
    const checks = [...used].flatMap((pool) => this.poolRenderer.checkSections(pool));
    const pools = [...this.wanted.values()].map(({ use, rules }) => this.poolRenderer.section(use, rules));
    return [...tables, ...checks, ...pools];
  }
}
