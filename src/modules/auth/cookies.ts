import { stringifySetCookie } from 'cookie';
import type { Environment } from '../../platform/config/environment.js';
import { SOCKET_COOKIE } from '../../platform/security/index.js';

interface Cookie {
  name: string;
  value: string;
  path: string;
  /** How long it lives; 0 deletes it. */
  seconds: number;
  sameSite: 'strict' | 'lax';
}

/** A `Set-Cookie` field (RFC 6265) out of the reach of scripts and, in production, of plain HTTP. */
export function httpOnlyCookie({ production }: Environment, { seconds, ...cookie }: Cookie): string {
  return stringifySetCookie({ ...cookie, maxAge: seconds, httpOnly: true, secure: production });
}

/** The cookie with which a browser opens WebSockets; no page and no other endpoint can use it. */
export function socketCookie(environment: Environment, value: string, seconds: number): string {
  return httpOnlyCookie(environment, { name: SOCKET_COOKIE, value, path: '/', seconds, sameSite: 'strict' });
}
