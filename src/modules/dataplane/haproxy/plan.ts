import {
  type Rendered,
  type RouteRules,
  type Section,
  type Server,
  sameServer,
  type TenantFragment,
} from './model.js';
import { certificateCommands, listCommands, mapCommands, merged } from './plan-tables.js';
import { serverAddress } from './render.js';
import { command, type RuntimeCommand } from './runtime-command.js';

export interface ServerRef {
  readonly section: string;
  readonly server: string;
}

export type Plan =
  | {
      readonly kind: 'runtime';
      /** To be run one after the other; when a command of one fails, those after it must not run. */
      readonly phases: readonly (readonly RuntimeCommand[])[];
      /** In maintenance after the commands; to be deleted once their connections are gone. */
      readonly removed: readonly ServerRef[];
    }
  | { readonly kind: 'reload'; readonly reasons: readonly string[] };

/** What the running worker has. */
export interface Running {
  /** What it read from its files when it started. */
  readonly loaded: Rendered;
  /** What the runtime API made of that. */
  readonly current: Rendered;
  /** `section/server` of servers whose deletion is not finished: their names are not free yet. */
  readonly deleting: ReadonlySet<string>;
}

/** Beyond this, reading the files again is quicker. */
const MOST_COMMANDS = 5_000;
/** A command has to fit HAProxy's buffer (`tune.bufsize`, 16 kB). */
const LONGEST_COMMAND = 12_000;

/**
 * How to get from what runs to what is wanted: runtime commands if they can do it, else a reload. Pure.
 *
 * What is left over in the worker (sections of deleted pools, rules of deleted routes) is harmless and goes with the
 * next reload, so deleting never needs one.
 */
export function plan(running: Running, next: Rendered): Plan {
  const planner = new Planner(running, next);
  return planner.plan();
}

class Planner {
  private readonly reasons: string[] = [];
  /** Run in this order, so that what is referred to is there before and after what refers to it. */
  private readonly steps: Record<'data' | 'servers' | 'routing' | 'retirement', RuntimeCommand[]> = {
    data: [],
    servers: [],
    routing: [],
    retirement: [],
  };
  private readonly removed: ServerRef[] = [];

  constructor(
    private readonly running: Running,
    private readonly next: Rendered,
  ) {}

  plan(): Plan {
    const { loaded, current } = this.running;
    if (this.next.preamble !== loaded.preamble || this.next.postamble !== loaded.postamble) {
      this.reasons.push('the frontend changes');
    }
    this.conditionals(loaded.conditionals, this.next.conditionals);
    const before: TenantFragment[] = [];
    const after: TenantFragment[] = [];
    for (const [tenantId, fragment] of current.tenants) {
      if (this.next.tenants.get(tenantId) !== fragment) before.push(fragment);
    }
    for (const [tenantId, fragment] of this.next.tenants) {
      if (current.tenants.get(tenantId) !== fragment) after.push(fragment);
    }
    this.sections(before, after);
    if (this.reasons.length === 0) {
      this.tables(before, after);
      if (this.next.tls) this.certificates(before, after);
    }
    return this.result();
  }

  private result(): Plan {
    const { data, servers, routing, retirement } = this.steps;
    const phases = [data, servers, routing, retirement].filter(({ length }) => length > 0);
    const commands = phases.flat();
    if (commands.length > MOST_COMMANDS) this.reasons.push(`${commands.length} changes at once`);
    if (commands.some(({ line }) => Buffer.byteLength(line) > LONGEST_COMMAND))
      this.reasons.push('a value is too long');
    if (this.reasons.length > 0) return { kind: 'reload', reasons: this.reasons };
    return { kind: 'runtime', phases, removed: this.removed };
  }

  /** Rules of deleted routes may be left (they find no record and do nothing); otherwise all must be the same. */
  private conditionals(loaded: readonly RouteRules[], wanted: readonly RouteRules[]): void {
    const alive = loaded.filter(({ routeId }) => this.exists(routeId));
    const same =
      alive.length === wanted.length && alive.every(({ text }, index) => text === wanted[index].text);
    if (!same) this.reasons.push('the conditions of a route change');
  }

  private exists(routeId: string): boolean {
    for (const { tables } of this.next.tenants.values()) {
      if (tables.maps.records.has(routeId)) return true;
    }
    return false;
  }

  private sections(before: readonly TenantFragment[], after: readonly TenantFragment[]): void {
    const old = merged(before.map(({ sections }) => sections));
    const next = merged(after.map(({ sections }) => sections));
    for (const { tenantId, sections } of after) {
      const loaded = this.running.loaded.tenants.get(tenantId)?.sections;
      for (const [name, section] of sections) this.section(section, old.get(name), loaded?.get(name));
    }
    for (const [name, section] of old) {
      if (next.has(name)) continue;
      for (const server of section.servers.values()) this.removeServer(section, server);
    }
  }

  private section(section: Section, before: Section | undefined, loaded: Section | undefined): void {
    if (!loaded) {
      this.reasons.push(`${section.name} is new`);
      return;
    }
    if (loaded.text !== section.text) this.reasons.push(`${section.name} changes`);
    if (loaded.rules !== section.rules) this.rules(loaded.rules, section.rules);
    if (before === section) return;
    for (const server of section.servers.values())
      this.server(section, server, before?.servers.get(server.name));
    for (const server of before?.servers.values() ?? []) {
      if (!section.servers.has(server.name)) this.removeServer(section, server);
    }
  }

  private rules(loaded: readonly RouteRules[], wanted: readonly RouteRules[]): void {
    const texts = new Map(loaded.map(({ routeId, text }) => [routeId, text]));
    for (const { routeId, text } of wanted) {
      if (texts.get(routeId) !== text) this.reasons.push(`${routeId}: its rules change`);
      texts.delete(routeId);
    }
    for (const routeId of texts.keys()) {
      if (this.exists(routeId)) this.reasons.push(`${routeId}: its rules go`);
    }
  }

  private server(section: Section, server: Server, before: Server | undefined): void {
    const name = `${section.name}/${server.name}`;
    if (!before) {
      this.addServer(section, server);
      return;
    }
    if (sameServer(before, server)) return;
    if (before.settings !== server.settings) {
      this.reasons.push(`${name}: its health check changes`);
      return;
    }
    if (before.address !== server.address || before.port !== server.port) {
      this.steps.servers.push(
        command(`set server ${name} addr ${server.address} port ${server.port}`, /chang/),
      );
    }
    if (before.weight !== server.weight)
      this.steps.servers.push(command(`set server ${name} weight ${server.weight}`));
    if (before.maintenance !== server.maintenance) {
      this.steps.servers.push(command(`set server ${name} state ${server.maintenance ? 'maint' : 'ready'}`));
    }
  }

  private addServer(section: Section, server: Server): void {
    const name = `${section.name}/${server.name}`;
    if (server.tracking) this.reasons.push(`${name} follows another server's checks`);
    if (this.running.deleting.has(name)) this.reasons.push(`${name} is still being deleted`);
    const line = `add server ${name} ${serverAddress(server)} weight ${server.weight} ${server.settings}`;
    this.steps.servers.push(command(line, /^New server registered\.$/));
    if (server.checked) this.steps.servers.push(command(`enable health ${name}`));
    // HAProxy makes the cookie of a new server only when it is told the key again.
    if (section.cookieKey) {
      this.steps.servers.push(command(`set dynamic-cookie-key backend ${section.name} ${section.cookieKey}`));
    }
    if (!server.maintenance) this.steps.servers.push(command(`enable server ${name}`));
  }

  private removeServer({ name }: Section, server: Server): void {
    this.steps.retirement.push(command(`set server ${name}/${server.name} state maint`));
    this.removed.push({ section: name, server: server.name });
  }

  private tables(before: readonly TenantFragment[], after: readonly TenantFragment[]): void {
    const { data, routing, retirement } = this.steps;
    for (const name of ['values', 'checks'] as const) {
      const { changes, removals } = mapCommands(name, before, after);
      data.push(...changes);
      retirement.push(...removals);
    }
    for (const name of ['records', 'routes', 'wildcards', 'hosts', 'challenges'] as const) {
      const { changes, removals } = mapCommands(name, before, after);
      routing.push(...changes, ...removals);
    }
    const { changes, removals } = listCommands(before, after);
    data.push(...changes);
    retirement.push(...removals);
  }

  /** A name has its old certificate until the new one is there: no handshake in between finds none. */
  private certificates(before: readonly TenantFragment[], after: readonly TenantFragment[]): void {
    const { changes, removals } = certificateCommands(before, after);
    this.steps.data.push(...changes);
    this.steps.retirement.push(...removals);
  }
}
