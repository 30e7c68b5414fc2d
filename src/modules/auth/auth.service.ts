import { createHash } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { invalidField } from '../../common/errors.js';
import { Environment } from '../../platform/config/environment.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { PasswordHasher, type Principal } from '../../platform/security/index.js';
import { SettingsService } from '../settings/index.js';
import { type Account, Accounts, splitName } from '../tenants/index.js';
import type { LoginRequest, RegisterRequest } from './auth.dto.js';
import { accountLocked, invalidCredentials, tenantSuspended } from './auth.errors.js';
import { LOCK_MINUTES, LockoutRepository } from './lockout.repository.js';
import { SessionsService, type TokenPair } from './sessions.service.js';

export interface SignedIn {
  tokens: TokenPair;
  account: Account;
  tenantId: string;
}

/** Outside production only, where the server listens on loopback. */
const DEFAULT_PASSWORD = 'admin123';

/** Sign-in, registration and passwords. */
@Injectable()
export class AuthService implements OnApplicationBootstrap {
  private readonly logger = new Logger('auth');

  constructor(
    private readonly database: Database,
    private readonly accounts: Accounts,
    private readonly sessions: SessionsService,
    private readonly lockouts: LockoutRepository,
    private readonly passwords: PasswordHasher,
    private readonly settings: SettingsService,
    private readonly journal: Journal,
    private readonly environment: Environment,
  ) {}

  /** Makes the first superadmin. @throws when production has none and no ADMIN_PASSWORD to make one with */
  async onApplicationBootstrap(): Promise<void> {
    const password =
      this.environment.ADMIN_PASSWORD ?? (this.environment.production ? null : DEFAULT_PASSWORD);
    const seeded = await this.database.system(async (tx) => {
      const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM users WHERE superadmin');
      if (n > 0) return false;
      if (!password) throw new Error('ADMIN_PASSWORD must be set for the first start in production');
      return this.accounts.seedSuperadmin(tx, {
        email: 'admin@cluster-ai.local',
        username: 'admin',
        firstName: 'Administrator',
        lastName: '',
        passwordHash: await this.passwords.hash(password),
      });
    });
    if (seeded) this.logger.log("The first superadmin is 'admin'");
  }

  /** @throws AppError 401 INVALID_CREDENTIALS, 403 TENANT_SUSPENDED or INVITATION_REQUIRED, 423 ACCOUNT_LOCKED */
  async login(request: LoginRequest, userAgent: string | null): Promise<SignedIn> {
    const identifier = (request.email ?? request.username)!;
    const { found, key } = await this.beginAttempt(identifier);
    const matches = await this.passwords.verify(found?.passwordHash ?? null, request.password);
    const tenantId = found && matches ? tenantToEnter(found.account, request.tenant_id) : null;
    if (!found || tenantId === null) {
      await this.failed(identifier, key, found?.account ?? null);
      throw invalidCredentials();
    }
    return this.database.system(async (tx) => {
      if (!found.account.superadmin && !(await this.accounts.isOpen(tx, tenantId))) throw tenantSuspended();
      await this.lockouts.clear(tx, key);
      await this.accounts.signedIn(tx, found.account.id, tenantId, request.invitation_token);
      const tokens = await this.sessions.open(tx, found.account.id, tenantId, userAgent);
      await this.note(tx, tenantId, found.account, 'auth.login', `${found.account.email} signed in`);
      return { tokens, account: found.account, tenantId };
    });
  }

  /** @throws AppError 409 EMAIL_TAKEN, 403 REGISTRATION_NOT_ALLOWED */
  async register(request: RegisterRequest, userAgent: string | null): Promise<SignedIn> {
    const passwordHash = await this.passwords.hash(request.password);
    const names = splitName(request);
    const person = {
      email: request.email,
      firstName: names.first_name,
      lastName: names.last_name,
      passwordHash,
    };
    return this.database.system(async (tx) => {
      const { userId, tenantId } = request.tenant_id
        ? {
            ...(await this.accounts.registerMember(tx, person, request.tenant_id, request.invitation_token)),
            tenantId: request.tenant_id,
          }
        : await this.accounts.registerOwner(tx, person, request.tenant_name ?? defaultTenantName(person));
      const tokens = await this.sessions.open(tx, userId, tenantId, userAgent);
      const account = await this.accounts.get(tx, userId);
      await this.note(tx, tenantId, account, 'auth.registered', `${account.email} registered`);
      return { tokens, account, tenantId };
    });
  }

  async refresh(credential: string): Promise<SignedIn> {
    const { session, ...tokens } = await this.sessions.refresh(credential);
    const account = await this.database.system((tx) => this.accounts.get(tx, session.userId));
    return { tokens, account, tenantId: session.tenantId };
  }

  async logout(principal: Principal): Promise<void> {
    await this.database.system(async (tx) => {
      await this.sessions.end(tx, { id: principal.sessionId }, 'logout');
      await this.journal.recordSecurity(tx, {
        tenantId: principal.tenantId,
        action: 'auth.logout',
        message: `${principal.email} signed out`,
      });
    });
  }

  account(principal: Principal): Promise<Account> {
    return this.database.system((tx) => this.accounts.get(tx, principal.userId));
  }

  rename(principal: Principal, names: { first_name?: string; last_name?: string }): Promise<Account> {
    return this.database.system(async (tx) => {
      const account = await this.accounts.rename(tx, principal.userId, names);
      await this.journal.record(tx, {
        tenantId: principal.tenantId,
        action: 'profile.updated',
        message: `${principal.email} changed their profile`,
        object: { type: 'user', id: principal.userId },
      });
      return account;
    });
  }

  /** Ends the person's other sessions. @throws AppError 422 when the current password is wrong, 423 when locked */
  async changePassword(principal: Principal, current: string, next: string): Promise<void> {
    const { found, key } = await this.beginAttempt(principal.email);
    if (!(await this.passwords.verify(found?.passwordHash ?? null, current))) {
      await this.failed(principal.email, key, found?.account ?? null);
      throw invalidField('current_password', 'matches', 'current_password is not your password');
    }
    const hash = await this.passwords.hash(next);
    await this.database.system(async (tx) => {
      await this.lockouts.clear(tx, key);
      await this.accounts.setPassword(tx, principal.userId, hash);
      await this.sessions.end(
        tx,
        { userId: principal.userId, except: principal.sessionId },
        'password changed',
      );
      await this.journal.recordSecurity(tx, {
        tenantId: principal.tenantId,
        action: 'auth.password_changed',
        message: `${principal.email} changed their password`,
      });
    });
  }

  /** Looks the name up and counts the attempt. Unknown names are counted just so: an answer tells nothing. */
  private async beginAttempt(identifier: string) {
    const max = this.settings.current.max_login_attempts;
    const attempt = await this.database.system(async (tx) => {
      const found = await this.accounts.findForSignIn(tx, identifier);
      const key =
        found?.account.id ?? `name:${createHash('sha256').update(identifier.toLowerCase()).digest('hex')}`;
      return { found, key, ...(await this.lockouts.begin(tx, key, max)) };
    });
    if (attempt.lockedSeconds > 0) throw accountLocked(attempt.lockedSeconds);
    if (attempt.failures > max) throw accountLocked(LOCK_MINUTES * 60);
    return attempt;
  }

  private async failed(identifier: string, key: string, account: Account | null): Promise<void> {
    await this.database.system(async (tx) => {
      await this.lockouts.lockWhenReached(tx, key, this.settings.current.max_login_attempts);
      await this.journal.recordSecurity(tx, {
        tenantId: account?.memberships[0]?.tenantId ?? null,
        action: 'auth.login_failed',
        level: 'warning',
        message: `Failed sign-in for '${identifier.slice(0, 100)}'`,
        actor: { id: account?.id ?? null, name: 'anonymous' },
      });
    });
  }

  private note(
    tx: Transaction,
    tenantId: string,
    account: Account,
    action: string,
    message: string,
  ): Promise<void> {
    return this.journal.recordSecurity(tx, {
      tenantId,
      action,
      message,
      actor: { id: account.id, name: account.email },
    });
  }
}

/** The named tenant, or the first one that the person works in; an invitation counts only when it is named. */
function tenantToEnter(account: Account, wanted?: string): string | null {
  if (account.disabled) return null;
  const open = account.memberships.filter((m) => !m.disabled);
  if (wanted) return open.find((m) => m.tenantId === wanted)?.tenantId ?? null;
  return open.find((m) => m.status === 'active')?.tenantId ?? null;
}

const defaultTenantName = (person: { email: string; firstName: string; lastName: string }): string =>
  `${person.firstName} ${person.lastName}`.trim() || person.email.split('@')[0]!;
