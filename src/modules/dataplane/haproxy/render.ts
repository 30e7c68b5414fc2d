import { createHash } from 'node:crypto';
import { SnapshotRefused } from '../engine.js';
import type { Snapshot, TenantSlice } from '../snapshot.js';
import type { Place } from './binary.js';
import {
  mapFile,
  type Rendered,
  type Section,
  type Server,
  TABLE_NAMES,
  type TenantFragment,
} from './model.js';
import { type FrontendNeeds, postamble, preamble, type RenderOptions } from './render-base.js';
import { pemOf, tlsFiles } from './render-certificates.js';
import { type BackendOverrides, PoolRenderer } from './render-pools.js';
import { byPrecedence } from './render-routes.js';
import { renderTenant } from './render-tenant.js';

/** Renders a tenant or takes what it rendered before. */
export type TenantRendering = (slice: TenantSlice) => TenantFragment;

/** Every host name stands for itself, weights are the configured ones. */
const NO_OVERRIDES: BackendOverrides = { address: ({ host }) => host, weight: () => undefined };

/**
 * A snapshot as HAProxy runs it. Pure.
 * @throws SnapshotRefused naming the part that cannot be run.
 */
export function render(
  snapshot: Snapshot,
  options: RenderOptions,
  tenant: TenantRendering = (slice) => renderTenant(slice, new PoolRenderer(options.cookieKey, NO_OVERRIDES)),
): Rendered {
  const tenants = new Map<string, TenantFragment>();
  for (const [tenantId, slice] of snapshot.tenants) tenants.set(tenantId, tenant(slice));
  refuseSharedHosts(tenants);
  const needs = needsOf(tenants, options);
  return {
    version: snapshot.version,
    preamble: preamble(options, needs),
    conditionals: [...tenants.values()].flatMap(({ conditionals }) => conditionals).sort(byPrecedence),
    postamble: postamble(options, needs),
    tenants,
    tls:
      options.httpsPort === null
        ? null
        : { defaultPem: options.defaultCertificate && pemOf(options.defaultCertificate) },
  };
}

/** @throws SnapshotRefused for what `render` would refuse. */
export function checkSnapshot({ tenants }: Snapshot): void {
  const fragments = [...tenants].map(
    ([tenantId, slice]) => [tenantId, renderTenant(slice, new PoolRenderer('', NO_OVERRIDES))] as const,
  );
  refuseSharedHosts(new Map(fragments));
}

/** Tables of all tenants are one file, keyed by host. Ids are keys, too: the database has each of them once. */
function refuseSharedHosts(tenants: ReadonlyMap<string, TenantFragment>): void {
  const owners = new Map<string, string>();
  for (const { tenantId, tables, certificates } of tenants.values()) {
    const claim = (name: string): void => {
      const owner = owners.get(name);
      if (owner !== undefined && owner !== tenantId)
        throw new SnapshotRefused(`${name} belongs to two tenants`);
      owners.set(name, tenantId);
    };
    for (const host of tables.maps.hosts.keys()) claim(host);
    for (const parent of tables.maps.wildcards.keys()) claim(`*.${parent}`);
    for (const { hosts } of certificates.values())
      for (const host of hosts) claim(`the certificate of ${host}`);
  }
}

/** Deepest wildcard that the frontend looks up, and targets it can choose from, without a reload for one more. */
const USUAL_DEPTHS = [1, 2, 3, 4, 5];
const USUAL_TARGETS = 4;

function needsOf(tenants: ReadonlyMap<string, TenantFragment>, options: RenderOptions): FrontendNeeds {
  const depths = new Set(USUAL_DEPTHS);
  let targets = USUAL_TARGETS;
  let servers = 0;
  for (const fragment of tenants.values()) {
    for (const depth of fragment.wildcardDepths) depths.add(depth);
    targets = Math.max(targets, fragment.mostTargets);
    for (const section of fragment.sections.values()) servers += section.servers.size;
  }
  return { depths: [...depths].sort((a, b) => b - a), targets, ...limits(options, servers) };
}

/**
 * Two descriptors a connection, one a health check; first checks of a new worker at 2,000 a second. Room for servers is
 * made in powers of two, so that one more hardly ever changes the figures (which takes a reload).
 */
function limits(options: RenderOptions, servers: number): Omit<FrontendNeeds, 'depths' | 'targets'> {
  const room = Math.max(1024, 2 ** Math.ceil(Math.log2(Math.max(1, servers * 1.25))));
  const affordable = Math.floor((options.openFilesLimit - room - 256) / 2);
  const maxConnections = Math.max(100, Math.min(options.maxConnections, affordable));
  const openFiles = Math.min(options.openFilesLimit, 2 * maxConnections + room + 256);
  return { maxConnections, openFiles, checkSpreadMs: room / 2 };
}

/**
 * The files of a configuration by name: `*.cfg`, which HAProxy reads in the order of their names, the maps, lists,
 * pages and the list of certificates. Tenants are spread over many files, so that a change rewrites little.
 */
export function filesOf(rendered: Rendered): Map<string, string> {
  const fragments = [...rendered.tenants.values()];
  const texts = fragments.map(textOf);
  const conditionals = rendered.conditionals.map(({ text }) => text).join('');
  const files = new Map([['00-frontend.cfg', rendered.preamble + conditionals + rendered.postamble]]);
  for (let shard = 0; shard < SHARDS; shard++) files.set(shardFile(shard), '');
  for (const { shard, sections } of texts) {
    const file = shardFile(shard);
    files.set(file, files.get(file) + sections);
  }
  TABLE_NAMES.forEach((name, table) => {
    files.set(mapFile(name), texts.map(({ maps }) => maps[table]).join(''));
  });
  for (const { tables, bodies } of fragments) {
    for (const [name, entries] of tables.lists) files.set(name, [...entries, ''].join('\n'));
    for (const [name, body] of bodies) files.set(name, body);
  }
  if (rendered.tls)
    for (const [name, text] of tlsFiles(fragments, rendered.tls.defaultPem)) files.set(name, text);
  return files;
}

const SHARDS = 32;
const shardFile = (shard: number): string => `10-tenants-${String(shard).padStart(2, '0')}.cfg`;

interface FragmentText {
  readonly shard: number;
  readonly sections: string;
  /** In the order of TABLE_NAMES. */
  readonly maps: readonly string[];
}

const fragmentTexts = new WeakMap<TenantFragment, FragmentText>();

function textOf(fragment: TenantFragment): FragmentText {
  const known = fragmentTexts.get(fragment);
  if (known) return known;
  const text = {
    shard: createHash('sha256').update(fragment.tenantId).digest()[0] % SHARDS,
    sections: [...fragment.sections.values()].map(sectionText).join(''),
    maps: TABLE_NAMES.map((name) =>
      [...fragment.tables.maps[name]].map(([key, value]) => `${key} ${value}\n`).join(''),
    ),
  };
  fragmentTexts.set(fragment, text);
  return text;
}

const sectionTexts = new WeakMap<Section, string>();

function sectionText(section: Section): string {
  let text = sectionTexts.get(section);
  if (text === undefined) {
    text = writeSection(section);
    sectionTexts.set(section, text);
  }
  return text;
}

function writeSection(section: Section): string {
  const rules = section.rules.map(({ text }) => text).join('');
  const servers = [...section.servers.values()].map((server) => `  ${serverLine(server)}\n`).join('');
  return `\nbackend ${section.name}\n${section.text}${rules}  http-request set-var(txn.forwarded) str(1)\n${servers}`;
}

function serverLine(server: Server): string {
  const disabled = server.maintenance ? ' disabled' : '';
  return `server ${server.name} ${serverAddress(server)} weight ${server.weight}${disabled} ${server.settings}`;
}

/** The tenant that a line of the configuration, or a file beside it, belongs to; undefined for what is nobody's. */
export function tenantAt(rendered: Rendered, { path, line }: Place): string | undefined {
  const isIt = (file: string): boolean => path === file || path.endsWith(`/${file}`);
  const owns =
    line === undefined ? ownerOfFile(isIt) : ownerOfLine(rendered, linesOf(rendered, isIt).slice(0, line));
  for (const fragment of rendered.tenants.values()) if (owns(fragment)) return fragment.tenantId;
  return undefined;
}

type Owns = (fragment: TenantFragment) => boolean;

const ownerOfFile =
  (isIt: (file: string) => boolean): Owns =>
  ({ certificates, tables, bodies }) =>
    [...certificates.keys(), ...tables.lists.keys(), ...bodies.keys()].some(isIt);

/** @param lines The line, and those before it: in the tenants' files it stands in a section, in the frontend for itself. */
function ownerOfLine({ conditionals }: Rendered, lines: readonly string[]): Owns {
  const line = lines.at(-1);
  const rule = line ? conditionals.find(({ text }) => text.split('\n').includes(line)) : undefined;
  if (rule) return ({ tables }) => tables.maps.records.has(rule.routeId);
  const section = lines.findLast((each) => each.startsWith('backend '))?.slice('backend '.length) ?? '';
  return ({ sections }) => sections.has(section);
}

function linesOf(rendered: Rendered, isIt: (file: string) => boolean): string[] {
  const [, text = ''] = [...filesOf(rendered)].find(([file]) => isIt(file)) ?? [];
  return text.split('\n');
}

/** `host:port`, with brackets around an IPv6 address. */
export function serverAddress({ address, port }: Server): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
