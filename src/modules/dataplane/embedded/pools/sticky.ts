import { createHash } from 'node:crypto';

const COOKIE_NAME = 'VFSRV';

/**
 * Cookie value that stands for a backend: opaque, the same on every node and after a restart, and no way back to the
 * address. Knowing it gives nothing but the choice of a backend.
 */
export function stickyToken(backendId: string): string {
  return createHash('sha256').update(`veloflux-sticky:${backendId}`).digest('base64url').slice(0, 16);
}

/** Each pool has its own cookie, or two pools behind one host would overwrite each other's. */
export function stickyCookieName(poolId: string): string {
  return `${COOKIE_NAME}-${createHash('sha256').update(poolId).digest('hex').slice(0, 8)}`;
}

/** Value of the cookie in the Cookie fields of a request, or null. */
export function readCookie(rawHeaders: readonly string[], name: string): string | null {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i].length !== 6 || rawHeaders[i].toLowerCase() !== 'cookie') continue;
    for (const pair of rawHeaders[i + 1].split(';')) {
      const equals = pair.indexOf('=');
      if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
    }
  }
  return null;
}

/** The Set-Cookie value: a session cookie out of reach of scripts and cross-site posts. */
export function stickyCookie(name: string, token: string, secure: boolean): string {
  return `${name}=${token}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}
