import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AppError, forbidden, invalidField, notFound, unauthorized } from '../../../common/errors.js';
import { newId } from '../../../common/ids.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { mayGrant, type Permission, ROLES, type Role, roleAllows } from '../../../common/permissions.js';
import {
  Database,
  DatabaseClock,
  Notifications,
  type Transaction,
} from '../../../platform/database/index.js';
import { type Periodic, repeat } from '../../../platform/jobs/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { hashToken, type Principal, randomToken } from '../../../platform/security/index.js';
import { MEMBERSHIP_CHANGED, type MembershipChanged, TENANT_CHANGED } from '../../tenants/index.js';
import { type CreateApiKeyRequest, KEY_PERMISSIONS } from './api-keys.dto.js';
import { type ApiKeyRow, ApiKeysRepository, type LiveKey } from './api-keys.repository.js';

/** What every key begins with; scanners for leaked secrets look for such. */
export const KEY_PREFIX = 'vf_';
const HINT_LENGTH = 6;
/** Notification: a key is gone. */
const KEYS_CHANGED = 'apikeys';
/** Keys of one tenant, ones that have expired among them. */
const MAX_KEYS = 100;
const BELIEVE_MS = 5000;
const TOUCH_MS = 60_000;
/** Keys without an end count as good for this long, seconds; each use asks again. */
const NO_END = 365 * 24 * 3600;

/**
 * Keys for programs. One is stored as a hash, belongs to a tenant, and may at most what its maker may at the moment:
 * it ends with their membership. Use is believed for 5 s without looking, as a session is.
 */
@Injectable()
export class ApiKeysService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('auth');
  private readonly live = new LRUCache<string, LiveKey>({ max: 20_000, ttl: BELIEVE_MS });
  private readonly used = new Set<string>();
  private touching?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeysRepository,
    private readonly journal: Journal,
    private readonly notifications: Notifications,
    private readonly clock: DatabaseClock,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.on<{ id: string }>(KEYS_CHANGED, ({ id }) => this.forget((k) => k.id === id));
    this.notifications.on<MembershipChanged>(MEMBERSHIP_CHANGED, ({ userId }) =>
      this.forget((k) => k.userId === userId),
    );
    this.notifications.on<{ tenantId: string }>(TENANT_CHANGED, ({ tenantId }) =>
      this.forget((k) => k.tenantId === tenantId),
    );
    this.notifications.onReconnect(() => this.live.clear());
    this.touching = repeat('api keys', TOUCH_MS, () => this.touch());
  }

  async onApplicationShutdown(): Promise<void> {
    await this.touching?.stop();
    await this.touch().catch((e: Error) => this.logger.warn(`last uses not noted: ${e.message}`));
  }

  /** @throws AppError 401 */
  async authenticate(key: string): Promise<Principal> {
    const hash = hashToken(key);
    const found = this.live.get(hash) ?? (await this.look(hash));
    if (found.expiresAt && found.expiresAt.getTime() <= this.clock.now()) throw notValid();
    this.used.add(found.id);
    const role = lesser(found.role, found.holderRole);
    return {
      userId: found.userId,
      sessionId: found.id,
      tenantId: found.tenantId,
      role,
      username: found.username,
      email: found.email,
      kind: 'api_key',
      scopes: found.scopes,
      expiresAt: Math.floor((found.expiresAt?.getTime() ?? this.clock.now() + NO_END * 1000) / 1000),
    };
  }

  list(tenantId: string, request: PageRequest): Promise<Page<ApiKeyRow>> {
    return this.database.system((tx) => this.keys.page(tx, tenantId, request));
  }

  /** @throws AppError 404 */
  async get(tenantId: string, id: string): Promise<ApiKeyRow> {
    const row = await this.database.system((tx) => this.keys.get(tx, tenantId, id));
    if (!row) throw notFound('API key', id);
    return row;
  }

  /** @throws AppError 403 for more than the caller's own role, scopes and time, and at the limit of keys, 422 for what the role does not have anyway */
  async create(principal: Principal, request: CreateApiKeyRequest): Promise<{ row: ApiKeyRow; key: string }> {
    const scopes = scopesOf(principal, request);
    const expires_at = request.expires_at ? new Date(request.expires_at) : null;
    // ISO 8601 has forms, such as 2027-W05, that are no time here
    if (expires_at && Number.isNaN(expires_at.getTime()))
      throw invalidField('expires_at', 'isTime', 'expires_at must be a time such as 2027-06-19T00:00:00Z');
    if (expires_at && expires_at.getTime() <= this.clock.now())
      throw invalidField('expires_at', 'future', 'expires_at must be in the future');
    const key = KEY_PREFIX + randomToken();
    const row = await this.database.system(async (tx) => {
      if ((await this.keys.lockedCount(tx, principal.tenantId)) >= MAX_KEYS) throw tooManyKeys();
      await this.requireWithinMaker(tx, principal, expires_at);
      const made = await this.keys.insert(tx, {
        id: newId('apikey'),
        tenant_id: principal.tenantId,
        user_id: principal.userId,
        name: request.name,
        role: request.role,
        scopes,
        hash: hashToken(key),
        hint: key.slice(0, HINT_LENGTH),
        expires_at,
      });
      await this.note(tx, made, 'created');
      return made;
    });
    return { row, key };
  }

  /** In effect on every node at once. @throws AppError 404 */
  async delete(principal: Principal, id: string): Promise<void> {
    const row = await this.get(principal.tenantId, id);
    if (!mayGrant(principal.role, row.role))
      throw forbidden('Nobody deletes a key of a role above their own');
    await this.database.system(async (tx) => {
      await this.keys.delete(tx, principal.tenantId, id);
      await this.note(tx, row, 'deleted');
      await this.notifications.publish(tx, KEYS_CHANGED, { id });
    });
  }

  /** A key that ends must not make one that outlives it. */
  private async requireWithinMaker(tx: Transaction, principal: Principal, expiresAt: Date | null) {
    if (principal.kind !== 'api_key') return;
    const end = (await this.keys.get(tx, principal.tenantId, principal.sessionId))?.expires_at;
    if (end && (!expiresAt || expiresAt > end))
      throw forbidden(`A key lives no longer than the key that makes it: ${end.toISOString()}`);
  }

  private async look(hash: string): Promise<LiveKey> {
    const found = await this.database.system((tx) => this.keys.live(tx, hash));
    if (!found) throw notValid();
    this.live.set(hash, found);
    return found;
  }

  private async touch(): Promise<void> {
    const ids = [...this.used];
    this.used.clear();
    if (ids.length) await this.database.system((tx) => this.keys.touch(tx, ids));
  }

  private forget(which: (key: LiveKey) => boolean): void {
    for (const [hash, key] of this.live.entries()) if (which(key)) this.live.delete(hash);
  }

  private note(tx: Parameters<Journal['record']>[0], row: ApiKeyRow, verb: string): Promise<void> {
    this.logger.debug(`key ${row.id} ${verb}`);
    return this.journal.recordSecurity(tx, {
      tenantId: row.tenant_id,
      action: `apikey.${verb}`,
      message: `API key '${row.name}' (${row.role}) ${verb}`,
      object: { type: 'apikey', id: row.id, name: row.name },
    });
  }
}

const tooManyKeys = () =>
  new AppError(
    403,
    'LIMIT_REACHED',
    `A tenant has at most ${MAX_KEYS} API keys; delete those that are not needed`,
  );
const notValid = () => unauthorized('The API key is not valid (any more)', 'INVALID_API_KEY');
const lesser = (a: Role, b: Role): Role => (ROLES.indexOf(a) < ROLES.indexOf(b) ? a : b);

function scopesOf(principal: Principal, request: CreateApiKeyRequest): string[] {
  if (!mayGrant(principal.role, request.role)) throw forbidden('A key has at most your own role');
  const ofRole = KEY_PERMISSIONS.filter((p) => roleAllows(request.role, p as Permission));
  const wanted = request.scopes ?? ofRole.filter((p) => principal.scopes?.includes(p) ?? true);
  const beyondRole = wanted.filter((p) => !ofRole.includes(p));
  if (beyondRole.length)
    throw invalidField('scopes', 'ofRole', `the role ${request.role} does not have ${beyondRole.join(', ')}`);
  if (principal.scopes && wanted.some((p) => !principal.scopes!.includes(p)))
    throw forbidden('A key has at most the scopes of the key that makes it');
  return wanted;
}
