import type { RouteCors } from '../../snapshot.js';
import { headerValue } from '../http/headers.js';
import type { Guard } from './guard.js';

/**
 * CORS of one route (https://fetch.spec.whatwg.org/#http-cors-protocol). The route answers preflights itself and
 * replaces what the backend says about CORS.
 */
export class Cors {
  private readonly anyOrigin: boolean;
  private readonly origins: ReadonlySet<string>;

  constructor(private readonly config: RouteCors) {
    this.anyOrigin = config.allowOrigins.includes('*');
    this.origins = new Set(config.allowOrigins);
  }

  /** Answers a preflight: 204, with permissions when the origin is allowed. */
  readonly preflight: Guard = ({ method, rawHeaders }) => {
    if (method !== 'OPTIONS' || headerValue(rawHeaders, 'access-control-request-method') === undefined)
      return null;
    if (headerValue(rawHeaders, 'origin') === undefined) return null;
    const headers = this.allows(headerValue(rawHeaders, 'origin')) ? this.permissions() : [];
    return { status: 204, headers, body: '' };
  };

  /** Fields for the answer to a request with this Origin. */
  headersFor(origin: string | undefined): string[] {
    const headers = this.anyOrigin ? [] : ['Vary', 'Origin'];
    if (origin === undefined || !this.allows(origin)) return headers;
    headers.push('Access-Control-Allow-Origin', this.anyOrigin ? '*' : origin);
    // With `*` browsers refuse credentials, and echoing any origin would give them to everybody.
    if (this.config.allowCredentials && !this.anyOrigin)
      headers.push('Access-Control-Allow-Credentials', 'true');
    const { exposeHeaders } = this.config;
    if (exposeHeaders?.length) headers.push('Access-Control-Expose-Headers', exposeHeaders.join(', '));
    return headers;
  }

  /** An answer's fields with those of `headersFor` in the place of any that say the same. */
  applyTo(headers: readonly string[], origin: string | undefined): string[] {
    const own = this.headersFor(origin);
    const said = new Set(own.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()));
    said.delete('vary');
    const others = headers.filter((_, i) => !said.has(headers[i - (i % 2)].toLowerCase()));
    return [...others, ...own];
  }

  private allows(origin: string | undefined): boolean {
    return origin !== undefined && (this.anyOrigin || this.origins.has(origin));
  }

  private permissions(): string[] {
    const { allowMethods, allowHeaders, maxAgeSeconds } = this.config;
    const headers = ['Access-Control-Max-Age', String(maxAgeSeconds)];
    if (allowMethods.length > 0) headers.push('Access-Control-Allow-Methods', allowMethods.join(', '));
    if (allowHeaders.length > 0) headers.push('Access-Control-Allow-Headers', allowHeaders.join(', '));
    return headers;
  }
}

/** What a backend says about CORS is replaced by what the route says. */
export function isCorsHeader(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith('access-control-');
}
