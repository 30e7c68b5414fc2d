/**
 * A snapshot as HAProxy gets it, before it is text: split into what only a reload changes (`text`, `rules`) and what
 * the runtime API changes (servers, tables). The planner compares two of these; the file writer turns one into files.
 */
export interface Rendered {
  readonly version: number;
  /** `global`, `defaults` and the frontend up to the place of the conditional routes. */
  readonly preamble: string;
  /** Rules of conditional routes in the frontend, in the order of their precedence. */
  readonly conditionals: readonly RouteRules[];
  /** The rest of the frontend. */
  readonly postamble: string;
  readonly tenants: ReadonlyMap<string, TenantFragment>;
  /** Null: no TLS door. */
  readonly tls: { readonly defaultPem: string | null } | null;
}

/** One tenant's part. The same object for the same slice and the same overrides. */
export interface TenantFragment {
  readonly tenantId: string;
  readonly sections: ReadonlyMap<string, Section>;
  readonly conditionals: readonly ConditionalRoute[];
  readonly tables: Tables;
  /** By file. */
  readonly certificates: ReadonlyMap<string, CertificateFile>;
  /** Files that rules refer to, by name; the name holds a digest of the content. */
  readonly bodies: ReadonlyMap<string, string>;
  /** Numbers of labels after `*.` in the tenant's hosts. */
  readonly wildcardDepths: ReadonlySet<number>;
  /** Most targets of any route. */
  readonly mostTargets: number;
}

/** A `backend` section. */
export interface Section {
  readonly name: string;
  /** Everything but the rules of routes and the servers. */
  readonly text: string;
  /** By route. A rule only acts on requests of its route, so one that is left over is harmless. */
  readonly rules: readonly RouteRules[];
  readonly servers: ReadonlyMap<string, Server>;
  /** Sticky cookies: the key must be sent again after a server was added. */
  readonly cookieKey: string | null;
}

export interface RouteRules {
  readonly routeId: string;
  readonly text: string;
}

export interface ConditionalRoute extends RouteRules {
  readonly prefixLength: number;
  readonly conditions: number;
}

/** A server of a section. Address, weight and `maintenance` change at run time, `settings` only by a reload. */
export interface Server {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** 0–256; 0 drains: the server finishes what it has. */
  readonly weight: number;
  readonly maintenance: boolean;
  /** Keywords as on the server line, id and health check. */
  readonly settings: string;
  readonly checked: boolean;
  /** Follows the checks of another section's server (HAProxy: only possible for servers from the file). */
  readonly tracking: boolean;
}

export const TABLE_NAMES = [
  'hosts',
  'wildcards',
  'routes',
  'records',
  'values',
  'checks',
  'challenges',
] as const;
export type TableName = (typeof TABLE_NAMES)[number];

/** Maps by name, and lists (patterns without a value) by file name. */
interface Tables {
  readonly maps: Readonly<Record<TableName, ReadonlyMap<string, string>>>;
  readonly lists: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A certificate for the TLS door. */
export interface CertificateFile {
  /** Beside the configuration; the name tells certificates and the names they are used for apart, not what they hold. */
  readonly file: string;
  /** Names it is used for: `example.com`, `*.example.com`. */
  readonly hosts: readonly string[];
  /** Chain, then key. */
  readonly pem: string;
}

/** The file from which HAProxy reads the table when it starts. */
export const mapFile = (name: TableName): string => `${name}.map`;

/** What a server is when nothing of it is left to learn from the runtime. */
export function sameServer(a: Server, b: Server): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.weight === b.weight &&
    a.maintenance === b.maintenance &&
    a.settings === b.settings
  );
}
