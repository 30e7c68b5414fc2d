import type { AdminState, Algorithm } from '../../common/load-balancing.js';

export {
  ALGORITHMS,
  type Algorithm,
  type HealthState,
} from '../../common/load-balancing.js';

/**
 * The whole routing configuration at one version, as plain immutable data: the only thing an engine is given.
 * Everything is resolved (defaults filled in, durations in milliseconds, names turned into ids), so that two
 * engines cannot read the same configuration differently.
 */
export interface Snapshot {
  /** Number of the configuration change that this snapshot contains; grows, never repeats. */
  readonly version: number;
  /**
   * One slice a tenant. A slice that did not change since the last snapshot is the same object, so an engine may
   * compare by identity to find out what changed.
   */
  readonly tenants: ReadonlyMap<string, TenantSlice>;
}

export interface TenantSlice {
  readonly tenantId: string;
  readonly pools: readonly PoolConfig[];
  readonly routes: readonly RouteConfig[];
  /** Absent: none. */
  readonly certificates?: readonly CertificateConfig[];
  /** Absent: none. */
  readonly challenges?: readonly ChallengeConfig[];
}

/** A server certificate for TLS with its key. Never logged, never in an answer. */
export interface CertificateConfig {
  readonly id: string;
  /**
   * Names (SNI) that it is served for, in lower case; `*.example.com` stands for exactly one label (RFC 6125 §6.4.3).
   * A name belongs to one certificate.
   */
  readonly hosts: readonly string[];
  /** PEM, the server's own certificate first. */
  readonly chain: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
}

/** What a certificate authority gets to see under `/.well-known/acme-challenge/<token>` (RFC 8555 §8.3). */
export interface ChallengeConfig {
  readonly host: string;
  readonly token: string;
  readonly keyAuthorization: string;
}

export interface HealthCheckConfig {
  readonly enabled: boolean;
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly expectedStatus: number;
  /** Successes in a row that make an unhealthy backend healthy. */
  readonly rise: number;
  /** Failures in a row that make a healthy backend unhealthy. */
  readonly fall: number;
}

export interface PoolConfig {
  readonly id: string;
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly stickySessions: boolean;
  /** Time to open a connection to a backend. */
  readonly connectTimeoutMs: number;
  /** Time until a backend's response head, and between two pieces of its body. */
  readonly responseTimeoutMs: number;
  /** How many other backends an idempotent request may try when the connection fails before an answer. */
  readonly retries: number;
  readonly backends: readonly BackendConfig[];
}

export interface BackendConfig {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Whether its name may lead to a private or loopback address; absent: yes. Others are refused in any case. */
  readonly allowPrivate?: boolean;
  /** 1–1000; relative to the other backends of the pool. */
  readonly weight: number;
  readonly region: string | null;
  readonly adminState: AdminState;
  readonly healthCheck: HealthCheckConfig;
}

export interface RouteConfig {
  readonly id: string;
  /** Lower case, no port; `*.example.com` stands for any one or more labels below example.com. */
  readonly host: string;
  /** Starts with `/`; matches on segment borders (`/v1` matches `/v1` and `/v1/x`, not `/v10`). */
  readonly pathPrefix: string;
  /** Where the traffic goes. One entry, weight 100, unless the route is a weighted split (canary). */
  readonly targets: readonly RouteTarget[];
  /** Requests over HTTP are sent to HTTPS (308), but for those of ACME challenges. */
  readonly sslEnabled: boolean;
  readonly features: RouteFeatures;
}

export interface RouteTarget {
  readonly poolId: string;
  /** 0–100; relative to the other targets of the route. */
  readonly weight: number;
}

/** What a route does besides forwarding. An absent field is off. */
export interface RouteFeatures {
  /** All must match for the route to be chosen; among routes of the same host and prefix, more conditions win. */
  readonly match?: readonly MatchCondition[];
  readonly stripPrefix?: boolean;
  /** Replaces the matched prefix. */
  readonly rewritePrefix?: string;
  /** Applied after the proxy's own fields (X-Forwarded-*, X-Request-Id); `Host` may be set, framing may not. */
  readonly requestHeaders?: HeaderRules;
  readonly responseHeaders?: HeaderRules;
  /** A token bucket for each client address: the rate in the long run, `burst` requests at once. */
  readonly rateLimit?: { readonly requestsPerSecond: number; readonly burst: number };
  /** CIDR blocks. Deny wins over allow; with a non-empty allow list everybody else gets 403. */
  readonly ipAllow?: readonly string[];
  readonly ipDeny?: readonly string[];
  readonly cors?: RouteCors;
  /** `location` is sent as it is. */
  readonly redirect?: { readonly status: 301 | 302 | 307 | 308; readonly location: string };
  readonly responseTimeoutMs?: number;
  readonly retries?: number;
  readonly maxBodyBytes?: number;
  readonly maintenance?: { readonly status: number; readonly body: string; readonly contentType: string };
}

export interface MatchCondition {
  readonly in: 'header' | 'query';
  readonly name: string;
  /** Absent: the header or parameter only has to be there. */
  readonly equals?: string;
}

export interface HeaderRules {
  readonly set?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface RouteCors {
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly allowCredentials: boolean;
  readonly maxAgeSeconds: number;
}
