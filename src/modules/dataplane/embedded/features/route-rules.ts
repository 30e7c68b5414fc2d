import type { RouteConfig } from '../../snapshot.js';
import { toHttps } from '../tls/to-https.js';
import { Cors } from './cors.js';
import { bodyLimit, maintenance, redirect } from './fixed-answers.js';
import type { Guard } from './guard.js';
import { HeaderEdit } from './header-edit.js';
import { ipFilter } from './ip-filter.js';
import { RateLimiter } from './rate-limit.js';
import { prefixRewriter } from './rewrite.js';

/** What a route does besides forwarding, made ready to run. */
export interface RouteRules {
  /** Asked in order; the first answer counts. */
  readonly guards: readonly Guard[];
  readonly rewrite: ((path: string) => string) | null;
  readonly requestHeaders: HeaderEdit | null;
  readonly responseHeaders: HeaderEdit | null;
  readonly cors: Cors | null;
  readonly maxBodyBytes: number;
  /** Null: the pool's. */
  readonly responseTimeoutMs: number | null;
  readonly retries: number | null;
  /** Kept when the route changes in other respects. */
  readonly rateLimiter: RateLimiter | null;
}

/**
 * @param before Rules of the same route before the change, whose rate limit goes on counting when it stays the same.
 * @param httpsPort Port that clients of a TLS-only route are sent to; null while there is no TLS door.
 */
export function compileRules(
  { features, pathPrefix, sslEnabled }: RouteConfig,
  before: RouteRules | null,
  httpsPort: () => number | null = () => null,
): RouteRules {
  const rateLimiter = rateLimiterOf(features.rateLimit, before);
  const cors = features.cors ? new Cors(features.cors) : null;
  const { ipAllow = [], ipDeny = [] } = features;
  const guards: Guard[] = sslEnabled ? [toHttps(httpsPort)] : [];
  if (ipAllow.length + ipDeny.length > 0) guards.push(ipFilter(ipAllow, ipDeny));
  if (features.maintenance) guards.push(maintenance(features.maintenance));
  if (rateLimiter) guards.push(rateLimiter.guard);
  if (features.redirect) guards.push(redirect(features.redirect));
  if (cors) guards.push(cors.preflight);
  if (features.maxBodyBytes !== undefined) guards.push(bodyLimit(features.maxBodyBytes));
  const replacement = features.rewritePrefix ?? (features.stripPrefix ? '/' : null);
  return {
    guards,
    rewrite: replacement === null ? null : prefixRewriter(pathPrefix, replacement),
    requestHeaders: features.requestHeaders ? new HeaderEdit(features.requestHeaders) : null,
    responseHeaders: features.responseHeaders ? new HeaderEdit(features.responseHeaders) : null,
    cors,
    maxBodyBytes: features.maxBodyBytes ?? Number.POSITIVE_INFINITY,
    responseTimeoutMs: features.responseTimeoutMs ?? null,
    retries: features.retries ?? null,
    rateLimiter,
  };
}

function rateLimiterOf(
  config: RouteConfig['features']['rateLimit'],
  before: RouteRules | null,
): RateLimiter | null {
  if (!config) return null;
  const old = before?.rateLimiter;
  if (old?.requestsPerSecond === config.requestsPerSecond && old.burst === config.burst) return old;
  return new RateLimiter(config.requestsPerSecond, config.burst);
}
