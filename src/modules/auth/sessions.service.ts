import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { unauthorized } from '../../common/errors.js';
import { newId } from '../../common/ids.js';
import { Database, Notifications, type Transaction } from '../../platform/database/index.js';
import { requestContext } from '../../platform/http/index.js';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { hashToken, type Principal, randomToken } from '../../platform/security/index.js';
import { SettingsService } from '../settings/index.js';
import { MEMBERSHIP_CHANGED, type MembershipChanged, TENANT_CHANGED } from '../tenants/index.js';
import { AccessTokens, type Claims } from './access-tokens.js';
import { type LiveSession, SessionsRepository } from './sessions.repository.js';

/** Notification: these sessions ended. Sockets of theirs are closed. */
export const SESSIONS_ENDED = 'sessions.ended';
export interface SessionsEnded {
  ids: string[];
}

/** A refresh token, and with it the session, lives this long without being used up by a logout. */
const SESSION_DAYS = 30;
/** How long a session is believed without looking: what was missed on another node is noticed after this. */
const BELIEVE_MS = 5000;
const CSRF_SECONDS = 3600;
const SWEEP_MS = 3_600_000;

const invalidRefreshToken = (message: string) => unauthorized(message, 'INVALID_REFRESH_TOKEN');

export interface TokenPair {
  accessToken: string;
  /** Absent when an access token was exchanged for a new one. */
  refreshToken?: string;
  expiresIn: number;
}

/**
 * Who is signed in. An access token (JWT, HS256) proves who one is for `session_timeout` minutes; whether its session
 * still stands is asked of the database at most every 5 s and at once after a change. A refresh token is
 * `refresh_<session>.<secret>`, stored as a hash and good for one use: a second use ends the session (RFC 9700 §4.14).
 */
@Injectable()
export class SessionsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly verified = new LRUCache<string, Claims>({ max: 20_000 });
  private readonly live = new LRUCache<string, LiveSession>({ max: 20_000, ttl: BELIEVE_MS });
  private sweeping?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly sessions: SessionsRepository,
    private readonly settings: SettingsService,
    private readonly access: AccessTokens,
    private readonly leader: Leader,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.on<SessionsEnded>(SESSIONS_ENDED, ({ ids }) =>
      ids.forEach((id) => void this.live.delete(id)),
    );
    this.notifications.on<MembershipChanged>(MEMBERSHIP_CHANGED, ({ userId }) =>
      this.forget((s) => s.userId === userId),
    );
    this.notifications.on<{ tenantId: string }>(TENANT_CHANGED, ({ tenantId }) =>
      this.forget((s) => s.tenantId === tenantId),
    );
    this.notifications.onReconnect(() => this.live.clear());
    this.sweeping = repeat('sessions', SWEEP_MS, async () => {
      if (this.leader.isLeader) await this.leader.lead((tx) => this.sessions.sweep(tx));
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sweeping?.stop();
  }

  /** @throws AppError 401 */
  async authenticate(token: string): Promise<Principal> {
    const claims = this.verify(token);
    const session = this.live.get(claims.sid) ?? (await this.look(claims.sid));
    return {
      userId: session.userId,
      sessionId: session.id,
      tenantId: session.tenantId,
      role: session.role,
      username: session.username,
      email: session.email,
      kind: 'session',
      scopes: null,
      expiresAt: claims.exp,
    };
  }

  /** Signs a person in to a tenant, inside the transaction that checked them. */
  async open(
    tx: Transaction,
    userId: string,
    tenantId: string,
    userAgent: string | null,
  ): Promise<TokenPair> {
    const id = newId('session');
    const refreshToken = `refresh_${id}.${randomToken()}`;
    await this.sessions.insert(tx, {
      id,
      user_id: userId,
      tenant_id: tenantId,
      refresh_hash: hashToken(refreshToken),
      address: requestContext()?.address ?? null,
      user_agent: userAgent?.slice(0, 300) ?? null,
      days: SESSION_DAYS,
    });
    return { ...this.accessToken(userId, id), refreshToken };
  }

  /** @throws AppError 401; a refresh token that was used before ends its session */
  async refresh(credential: string): Promise<TokenPair & { session: LiveSession }> {
    const sessionId = /^refresh_(session_[0-9a-z]{26})\.[\w-]{43}$/.exec(credential)?.[1];
    if (!sessionId && credential.split('.').length === 3) return this.exchange(credential);
    if (!sessionId) throw invalidRefreshToken('This is neither a refresh token nor an access token');
    const next = `refresh_${sessionId}.${randomToken()}`;
    const outcome = await this.database.system(async (tx) => {
      if (await this.sessions.rotate(tx, sessionId, hashToken(credential), hashToken(next)))
        return this.sessions.live(tx, sessionId);
      if (await this.sessions.find(tx, sessionId))
        await this.end(tx, { id: sessionId }, 'a refresh token was used twice');
      return null;
    });
    if (!outcome) throw invalidRefreshToken('The refresh token is not valid any more; sign in again');
    return { ...this.accessToken(outcome.userId, sessionId), refreshToken: next, session: outcome };
  }

  /** Ends sessions and tells every node. */
  async end(
    tx: Transaction,
    where: { id?: string; userId?: string; except?: string },
    reason: string,
  ): Promise<void> {
    const ids = await this.sessions.end(tx, where, reason);
    for (let i = 0; i < ids.length; i += 100)
      await this.notifications.publish(tx, SESSIONS_ENDED, {
        ids: ids.slice(i, i + 100),
      } satisfies SessionsEnded);
  }

  /** A token that opens one WebSocket, once, within an hour. */
  async issueCsrf(principal: Principal): Promise<{ token: string; expiresIn: number }> {
    const token = randomToken();
    await this.database.system((tx) =>
      this.sessions.addCsrf(tx, hashToken(token), principal.tenantId, principal.sessionId, CSRF_SECONDS),
    );
    return { token, expiresIn: CSRF_SECONDS };
  }

  /** Who asked for this CSRF token; uses it up. @throws AppError 401 */
  async redeemCsrf(token: string): Promise<Principal> {
    const found = await this.database.system(async (tx) => {
      const sessionId = await this.sessions.takeCsrf(tx, hashToken(token));
      return sessionId ? this.sessions.live(tx, sessionId) : null;
    });
    if (!found) throw unauthorized('The CSRF token is not valid (any more)');
    return this.principal(found);
  }

  /** Who works in this session, as of now. @throws AppError 401 when it has ended */
  async principalOf(sessionId: string): Promise<Principal> {
    return this.principal(this.live.get(sessionId) ?? (await this.look(sessionId)));
  }

  private principal({ id: sessionId, ...who }: LiveSession): Principal {
    return {
      ...who,
      sessionId,
      kind: 'session',
      scopes: null,
      expiresAt: this.access.endOf(this.lifetime),
    };
  }

  private get lifetime(): number {
    return this.settings.current.session_timeout * 60;
  }

  private async exchange(accessToken: string) {
    const { userId, sessionId } = await this.authenticate(accessToken);
    const session = this.live.get(sessionId) ?? (await this.look(sessionId));
    return { ...this.accessToken(userId, sessionId), session };
  }

  private accessToken(userId: string, sessionId: string): TokenPair {
    return {
      accessToken: this.access.sign({ sub: userId, sid: sessionId, typ: 'access' }, this.lifetime),
      expiresIn: this.lifetime,
    };
  }

  private verify(token: string): Claims {
    const known = this.verified.get(token);
    const claims = known ?? this.access.verify<Claims>(token);
    if (claims?.typ !== 'access' || typeof claims.sid !== 'string')
      throw unauthorized('The access token is not valid');
    if (this.access.isPast(claims.exp)) throw unauthorized('The access token has expired', 'TOKEN_EXPIRED');
    if (!known) this.verified.set(token, claims);
    return claims;
  }

  private async look(sessionId: string): Promise<LiveSession> {
    const session = await this.database.system((tx) => this.sessions.live(tx, sessionId));
    if (!session) throw unauthorized('The session has ended; sign in again', 'SESSION_ENDED');
    this.live.set(sessionId, session);
    return session;
  }

  private forget(which: (session: LiveSession) => boolean): void {
    for (const [id, session] of this.live.entries()) if (which(session)) this.live.delete(id);
  }
}
