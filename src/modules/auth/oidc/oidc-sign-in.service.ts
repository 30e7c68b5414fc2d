import { Injectable } from '@nestjs/common';
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
const VERIFIER_PURPOSE = 'oidc code verifier';

export interface Begun {
  /** Where the browser goes. */
  url: string;
  /** For the browser's cookie; null when a page of the tenant's takes the provider's answer. */
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

  /** @throws AppError 404 without a configuration, 503 when the provider cannot be asked */
  async begin(tenantId: string, ownCallback: string): Promise<Begun> {
    const config = await this.config(tenantId);
    const begun = this.client.begin(config.redirect_uri ?? ownCallback);
    const url = await this.client.authorizationUrl(config, begun);
    const browserToken = config.redirect_uri === null ? randomToken() : null;
    const row = {
      tenant_id: tenantId,
      nonce: begun.nonce,
      code_verifier: this.secrets.encrypt(begun.verifier, VERIFIER_PURPOSE),
      redirect_uri: begun.redirectUri,
      browser_hash: browserToken && hashToken(browserToken),
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
    if (begun.browser_hash !== null && begun.browser_hash !== hashToken(browserToken ?? ''))
      throw signInRefused();
    const identity = await this.client.complete(
      config,
      {
        state,
        nonce: begun.nonce,
        verifier: this.secrets.decrypt(begun.code_verifier, VERIFIER_PURPOSE),
        redirectUri: begun.redirect_uri,
      },
      query,
    );
    return this.database.system((tx) => this.signIn(tx, config, identity, userAgent));
  }

  private async config(tenantId: string): Promise<OidcConfigRow> {
    const row = await this.database.tenant(tenantId, (tx) => this.repository.config(tx, tenantId));
    if (!row) throw notConfigured();
    return row;
  }

  private async signIn(
    tx: Transaction,
    config: OidcConfigRow,
    identity: ProvenIdentity,
    userAgent: string | null,
  ): Promise<SignedIn> {
    const { tenant_id: tenantId } = config;
    const userId = await this.person(tx, config, identity);
    const role = roleFor(config, identity.groups);
    if (Object.keys(config.role_mapping).length) await this.accounts.changeRole(tx, tenantId, userId, role);
    await this.accounts.signedIn(tx, userId, tenantId);
    const tokens = await this.sessions.open(tx, userId, tenantId, userAgent);
    const account = await this.accounts.get(tx, userId);
    await this.journal.recordSecurity(tx, {
      tenantId,
      action: 'auth.sso_login',
      message: `${account.email} signed in through ${new URL(identity.issuer).host}`,
      actor: { id: account.id, name: account.email },
    });
    return { tokens, account, tenantId };
  }

  /** The account that the identity stands for, linked or made at the first sign-in. */
  private async person(tx: Transaction, config: OidcConfigRow, identity: ProvenIdentity): Promise<string> {
    const { tenant_id: tenantId } = config;
    const known = await this.repository.userOf(tx, tenantId, identity.issuer, identity.subject);
    if (known) {
      requireOwnMember(await this.accounts.get(tx, known), tenantId);
      return known;
    }
    const email = await this.vouchedAddress(tx, tenantId, identity);
    const found = (await this.accounts.findForSignIn(tx, email))?.account ?? null;
    if (found) requireOwnMember(found, tenantId);
    else if (!config.create_users) throw notYours('There is no account with your address; ask to be invited');
    const userId = found?.id ?? (await this.create(tx, config, identity, email));
    await this.repository.link(tx, tenantId, identity.issuer, identity.subject, userId);
    return userId;
  }

  private async vouchedAddress(tx: Transaction, tenantId: string, identity: ProvenIdentity): Promise<string> {
    const { email, emailVerified } = identity;
    if (!email || !emailVerified) throw notYours('The provider has not verified your e-mail address');
    const domains = await this.accounts.domains(tx, tenantId);
    if (!domains.includes(email.split('@').at(-1)!.toLowerCase()))
      throw notYours('Your e-mail address is not of a domain of this tenant');
    return email;
  }

  private create(
    tx: Transaction,
    config: OidcConfigRow,
    identity: ProvenIdentity,
    email: string,
  ): Promise<string> {
    const { firstName, lastName, groups } = identity;
    const person = { email, firstName, lastName };
    return this.accounts.addVouched(tx, config.tenant_id, person, roleFor(config, groups));
  }
}

function roleFor(config: OidcConfigRow, groups: string[]): SsoRole {
  const mapped = groups.map((group) => config.role_mapping[group]).filter((role) => role !== undefined);
  return mapped.sort((a, b) => SSO_ROLES.indexOf(b) - SSO_ROLES.indexOf(a))[0] ?? config.default_role;
}

function requireOwnMember(account: Account, tenantId: string): void {
  const member = account.memberships.find((m) => m.tenantId === tenantId);
  if (!member || account.disabled || member.disabled) throw notYours('You are not (any more) in this tenant');
  if (account.superadmin || member.role === 'owner')
    throw notYours('Owners and operators sign in with their password');
  if (account.memberships.length > 1)
    throw notYours('You work in several tenants; sign in with your password');
}
