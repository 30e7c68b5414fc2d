import type { Environment } from '../../platform/config/environment.js';
import { SOCKET_COOKIE } from '../../platform/security/index.js';

/** The cookie with which a browser opens WebSockets; no page and no other endpoint can use it. */
export function socketCookie(environment: Environment, value: string, seconds: number): string {
  const secure = environment.production ? '; Secure' : '';
  return `${SOCKET_COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}
