import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import { forbidden, unauthorized } from '../../common/errors.js';
import type { Permission } from '../../common/permissions.js';
import { Environment } from '../config/environment.js';
import { Authenticator, headerCredential, requirePermission, SOCKET_COOKIE } from '../security/index.js';
import type { Admission, Upgrade } from './upgrade.js';

const ANONYMOUS: Admission = { principal: null, recheck: async () => null };

interface Credential {
  value: string;
  from: 'header' | 'query' | 'subprotocol' | 'cookie';
}

/**
 * Finds out who opens a socket. Browsers cannot set headers on a WebSocket, so the credential comes as
 * `Authorization: Bearer` or `X-API-Key` (programs), `?token=`, subprotocol `bearer, <token>`, or the HttpOnly cookie
 * that a sign-in sets. The browser sends the cookie by itself, whatever page asks, so it counts only when `Origin` is
 * this installation's own or one of CORS_ORIGINS.
 */
@Injectable()
export class SocketAuthenticator {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly environment: Environment,
  ) {}

  /**
   * @param permission what the caller needs; null: open to everybody, and a credential only tells who it is
   * @throws AppError 401 without a valid credential, 403 when it lacks the permission
   */
  async admit({ request, url }: Upgrade, permission: Permission | null): Promise<Admission> {
    const credential = credentialOf(request, url);
    if (!credential) return this.withoutCredential(permission);
    if (credential.from === 'cookie' && !this.isOwnOrigin(request)) {
      if (permission === null) return ANONYMOUS;
      throw forbidden('The Origin of this page may not use the cookie', 'ORIGIN_NOT_ALLOWED');
    }
    const recheck = async () => {
      const principal = await this.authenticator.authenticate(credential.value);
      requirePermission(principal, permission);
      return principal;
    };
    try {
      return { principal: await recheck(), recheck };
    } catch (e) {
      // a stale cookie is not the page's doing
      if (permission === null && credential.from === 'cookie') return ANONYMOUS;
      throw e;
    }
  }

  private withoutCredential(permission: Permission | null): Admission {
    if (permission === null) return ANONYMOUS;
    throw unauthorized('A valid access token is required: ?token=, subprotocol bearer, or the cookie');
  }

  private isOwnOrigin(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (!origin) return false;
    if (this.environment.CORS_ORIGINS.includes(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }
}

function credentialOf(request: IncomingMessage, url: URL): Credential | null {
  const header = headerCredential(request.headers);
  if (header !== null) return { value: header, from: 'header' };
  const token = url.searchParams.get('token');
  if (token !== null) return { value: token, from: 'query' };
  const [scheme, value] = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim());
  if (scheme === 'bearer' && value) return { value, from: 'subprotocol' };
  const fromCookie = parseCookie(request.headers.cookie ?? '')[SOCKET_COOKIE];
  return fromCookie ? { value: fromCookie, from: 'cookie' } : null;
}
