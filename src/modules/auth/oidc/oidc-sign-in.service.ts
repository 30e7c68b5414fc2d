import { Injectable } from '@nestjs/common';
import { isEmail } from 'class-validator';
import { AppError } from '../../../common/errors.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { hashToken, randomToken, Secrets } from '../../../platform/security/index.js';
import { type Account, Accounts } from '../../tenants/index.js';
import type { SignedIn } from '../auth.service.js';
import { SessionsService } from '../sessions.service.js';
import { SSO_ROLES, type SsoRole } from './oidc.dto.js';
import { notConfigured, notYours, signInRefused } from './oidc.errors.js';
import { type OidcConfigRow, OidcRepository } from './oidc.repository.js';
import { OidcClient, type ProvenIdentity } from './oidc-client.js';

/** How long a person may take at the provider. */
export const SIGN_IN_SECONDS = 600;
const EMAIL_LENGTH = 254;
const VERIFIER_PURPOSE = 'oidc code verifier';

export interface Begun {
  /** Where the browser goes. */
  url: string;
  /** For the browser's cookie; null when the page that began keeps a verifier of its own. */
  browserToken: string | null;
}

/**
 * Signs people in through their tenant's provider. The provider is the tenant's own word: it opens that tenant only,
 * for people who are in it or whose verified address is of its domains, with at most the role admin, and never as
 * somebody who works elsewhere, too, or as an owner or operator.
 */
@Injectable()
export class OidcSignInService {
  constructor(
    private readonly database: Database,
    private readonly repository: OidcRepository,
    private readonly client: OidcClient,
    private readonly accounts: Accounts,
    private readonly sessions: SessionsService,
    private readonly secrets: Secrets,
    private readonly journal: Journal,
  ) {}

  /**
   * @param browserChallenge SHA-256, in base64url, of what the page that begins will show at the end; without it a
   *   cookie ties the sign-in to the browser
   * @throws AppError 404 without a configuration, 403 for a suspended tenant, 503 when the provider cannot be asked
   */
  async begin(tenantId: string, ownCallback: string, browserChallenge?: string): Promise<Begun> {
    const config = await this.config(tenantId);
    await this.database.system((tx) => this.requireOpen(tx, tenantId));
    const begun = this.client.begin(config.redirect_uri ?? ownCallback);
    const url = await this.client.authorizationUrl(config, begun);
    const browserToken = browserChallenge ? null : randomToken();
    const row = {
      tenant_id: tenantId,
      nonce: begun.nonce,
      code_verifier: this.secrets.encrypt(begun.verifier, VERIFIER_PURPOSE),
      redirect_uri: begun.redirectUri,
      browser_hash: browserToken
        ? hashToken(browserToken)
        : Buffer.from(browserChallenge!, 'base64url').toString('hex'),
    };
    await this.database.tenant(tenantId, (tx) =>
      this.repository.begin(tx, hashToken(begun.state), row, SIGN_IN_SECONDS),
    );
    return { url: url.href, browserToken };
  }

  /** @throws AppError 401 when the answer is forged, used, foreign or late, 403 for people whom it must not sign in */
  async complete(
    tenantId: string,
    query: URLSearchParams,
    browserToken: string | null,
    userAgent: string | null,
  ): Promise<SignedIn> {
    const state = query.get('state') ?? '';
    const config = await this.config(tenantId);
    const begun = await this.database.tenant(tenantId, (tx) =>
      this.repository.take(tx, tenantId, hashToken(state)),
    );
    if (!begun) throw signInRefused();
    try {
      if (begun.browser_hash !== hashToken(browserToken ?? ''))
        throw signInRefused(new Error('another browser began it'));
      const verifier = this.secrets.decrypt(begun.code_verifier, VERIFIER_PURPOSE);
      const { nonce, redirect_uri: redirectUri } = begun;
      const identity = await this.client.complete(config, { state, nonce, verifier, redirectUri }, query);
      return await this.database.system((tx) => this.signIn(tx, config, identity, userAgent));
    } catch (e) {
      await this.noteRefusal(tenantId, e);
      throw e;
    }
  }

  private async config(tenantId: string): Promise<OidcConfigRow> {
    const row = await this.database.tenant(tenantId, (tx) => this.repository.config(tx, tenantId));
    if (!row) throw notConfigured();
    return row;
  }

  private async requireOpen(tx: Transaction, tenantId: string): Promise<void> {
    if (!(await this.accounts.isOpen(tx, tenantId))) throw notYours('This tenant is suspended');
  }

  /** What the person is not told, the tenant's administrators are: why a sign-in that had begun came to nothing. */
  private async noteRefusal(tenantId: string, error: unknown): Promise<void> {
    if (!(error instanceof AppError)) return;
    await this.database.tenant(tenantId, (tx) =>
      this.journal.recordSecurity(tx, {
        tenantId,
        action: 'auth.sso_failed',
        level: 'warning',
        message: `Single sign-on failed: ${reasonOf(error).slice(0, 300)}`,
        actor: { id: null, name: 'anonymous' },
        details: { code: error.code },
      }),
    );
  }

  private async signIn(
    tx: Transaction,
    config: OidcConfigRow,
    identity: ProvenIdentity,
    userAgent: string | null,
  ): Promise<SignedIn> {
    const { tenant_id: tenantId } = config;
    await this.requireOpen(tx, tenantId);
    const userId = await this.person(tx, config, identity);
    await this.followMapping(tx, config, userId, identity.groups);
    await this.accounts.signedIn(tx, userId, tenantId);
    const tokens = await this.sessions.open(tx, userId, tenantId, userAgent);
    const account = await this.accounts.get(tx, userId);
    await this.note(
      tx,
      tenantId,
      account,
      'auth.sso_login',
      `${account.email} signed in through ${new URL(identity.issuer).host}`,
    );
    return { tokens, account, tenantId };
  }

  /** With a mapping the role is what the provider's groups say, also after somebody here changed it. */
  private async followMapping(tx: Transaction, config: OidcConfigRow, userId: string, groups: string[]) {
    if (!Object.keys(config.role_mapping).length) return;
    const { tenant_id: tenantId } = config;
    const role = roleFor(config, groups);
    const account = await this.accounts.get(tx, userId);
    if (account.memberships.find((m) => m.tenantId === tenantId)?.role === role) return;
    await this.accounts.changeRole(tx, tenantId, userId, role);
    await this.note(tx, tenantId, account, 'user.updated', `'${account.email}' is ${role} by their groups`);
  }

  /** The account that the identity stands for, linked or made at the first sign-in. */
  private async person(tx: Transaction, config: OidcConfigRow, identity: ProvenIdentity): Promise<string> {
    const { tenant_id: tenantId } = config;
    const { issuer, subject } = identity;
    const known = await this.known(tx, tenantId, identity);
    if (known) return known;
    await this.repository.lockFirstSignIns(tx, tenantId);
    const meanwhile = await this.known(tx, tenantId, identity);
    if (meanwhile) return meanwhile;
    const email = await this.vouchedAddress(tx, tenantId, identity);
    const found = (await this.accounts.findForSignIn(tx, email))?.account ?? null;
    if (found) await this.requireLinkable(tx, tenantId, issuer, found);
    else if (!config.create_users) throw notYours('There is no account with your address; ask to be invited');
    const userId = found?.id ?? (await this.create(tx, config, identity, email));
    await this.repository.link(tx, tenantId, issuer, subject, userId);
    return userId;
  }

  private async known(tx: Transaction, tenantId: string, identity: ProvenIdentity): Promise<string | null> {
    const userId = await this.repository.userOf(tx, tenantId, identity.issuer, identity.subject);
    if (userId) requireOwnMember(await this.accounts.get(tx, userId), tenantId);
    return userId;
  }

  /** An address that the provider gave to somebody else since does not open the account of who had it before. */
  private async requireLinkable(
    tx: Transaction,
    tenantId: string,
    issuer: string,
    account: Account,
  ): Promise<void> {
    requireOwnMember(account, tenantId);
    if (await this.repository.isLinked(tx, tenantId, issuer, account.id))
      throw notYours('The account with your address belongs to another person of your provider');
  }

  private async vouchedAddress(tx: Transaction, tenantId: string, identity: ProvenIdentity): Promise<string> {
    const { email, emailVerified } = identity;
    if (!email || !emailVerified || email.length > EMAIL_LENGTH || !isEmail(email))
      throw notYours('The provider has not verified your e-mail address');
    const domains = await this.accounts.domains(tx, tenantId);
    if (!domains.includes(email.split('@').at(-1)!.toLowerCase()))
      throw notYours('Your e-mail address is not of a domain of this tenant');
    return email;
  }

  private async create(
    tx: Transaction,
    config: OidcConfigRow,
    identity: ProvenIdentity,
    email: string,
  ): Promise<string> {
    const { tenant_id: tenantId } = config;
    const { firstName, lastName, groups, issuer } = identity;
    const role = roleFor(config, groups);
    const userId = await this.accounts.addVouched(tx, tenantId, { email, firstName, lastName }, role);
    const account = { id: userId, email };
    const message = `User '${email}' added as ${role}, vouched for by ${new URL(issuer).host}`;
    await this.note(tx, tenantId, account, 'user.added', message);
    return userId;
  }

  private note(
    tx: Transaction,
    tenantId: string,
    account: Pick<Account, 'id' | 'email'>,
    action: string,
    message: string,
  ): Promise<void> {
    return this.journal.recordSecurity(tx, {
      tenantId,
      action,
      message,
      object: { type: 'user', id: account.id, name: account.email },
      actor: { id: account.id, name: account.email },
    });
  }
}

function roleFor(config: OidcConfigRow, groups: string[]): SsoRole {
  const mapped = groups
    .filter((group) => Object.hasOwn(config.role_mapping, group))
    .map((group) => config.role_mapping[group]!);
  return mapped.sort((a, b) => SSO_ROLES.indexOf(b) - SSO_ROLES.indexOf(a))[0] ?? config.default_role;
}

/** What somebody else's invitation waits for is no work: it must not keep a person out of their own tenant. */
function requireOwnMember(account: Account, tenantId: string): void {
  const member = account.memberships.find((m) => m.tenantId === tenantId);
  if (!member || account.disabled || member.disabled) throw notYours('You are not (any more) in this tenant');
  if (account.superadmin || member.role === 'owner')
    throw notYours('Owners and operators sign in with their password');
  if (account.memberships.some((m) => m.tenantId !== tenantId && m.status === 'active'))
    throw notYours('You work in several tenants; sign in with your password');
}

const rootOf = (error: Error): Error => (error.cause instanceof Error ? rootOf(error.cause) : error);

/** The innermost message, with what the provider's own error says (RFC 6749 §5.2). */
function reasonOf(error: Error): string {
  const {
    message,
    error: code,
    error_description: description,
  } = rootOf(error) as Error & {
    error?: unknown;
    error_description?: unknown;
  };
  return [message, code, description].filter((part) => typeof part === 'string').join(': ');
}
