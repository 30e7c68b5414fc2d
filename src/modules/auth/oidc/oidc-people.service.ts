import { Injectable } from '@nestjs/common';
import { isEmail } from 'class-validator';
import type { Transaction } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { type Account, Accounts } from '../../tenants/index.js';
import { SessionsService } from '../sessions.service.js';
import { SSO_ROLES, type SsoRole } from './oidc.dto.js';
import { notYours } from './oidc.errors.js';
import { type OidcConfigRow, OidcRepository } from './oidc.repository.js';
import type { ProvenIdentity } from './oidc-client.js';

const EMAIL_LENGTH = 254;

/**
 * Whose account an identity opens. The provider is the tenant's own word: it opens that tenant only, for people who
 * are in it or whose verified address is of its domains, with at most the role admin, and never as somebody who works
 * elsewhere, too, or as an owner or operator.
 */
@Injectable()
export class OidcPeople {
  constructor(
    private readonly repository: OidcRepository,
    private readonly accounts: Accounts,
    private readonly sessions: SessionsService,
    private readonly journal: Journal,
  ) {}

  /**
   * The account that the identity stands for, linked or made at the first sign-in, with the role that its groups give.
   * @throws AppError 403 for people whom the provider must not sign in
   */
  async recognise(tx: Transaction, config: OidcConfigRow, identity: ProvenIdentity): Promise<string> {
    const userId = await this.person(tx, config, identity);
    await this.followMapping(tx, config, userId, identity.groups);
    return userId;
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

  private async person(tx: Transaction, config: OidcConfigRow, identity: ProvenIdentity): Promise<string> {
    const { tenant_id: tenantId } = config;
    const { issuer, subject } = identity;
    const known = await this.known(tx, tenantId, identity);
    if (known) return known;
    await this.repository.lockFirstSignIns(tx, tenantId);
    const meanwhile = await this.known(tx, tenantId, identity);
    if (meanwhile) return meanwhile;
    const email = await this.vouchedAddress(tx, tenantId, identity);
    const userId = await this.ownAccount(tx, config, identity, email);
    await this.repository.link(tx, tenantId, issuer, subject, userId);
    return userId;
  }

  /**
   * The account of the address in this tenant. One that somebody registered elsewhere is another person's as far as
   * anybody knows: it is neither opened nor in the way.
   */
  private async ownAccount(tx: Transaction, config: OidcConfigRow, identity: ProvenIdentity, email: string) {
    const { tenant_id: tenantId } = config;
    const found = await this.accounts.findInTenant(tx, tenantId, email);
    if (!found) {
      const elsewhere = (await this.accounts.findForSignIn(tx, email))?.account;
      if (elsewhere?.superadmin) throw notForProviders();
      if (!config.create_users) throw notYours('There is no account with your address; ask to be invited');
      return this.create(tx, config, identity, email, config.default_role);
    }
    const { account, passwordHash } = found;
    const member = account.memberships.find((m) => m.tenantId === tenantId)!;
    if (member.status === 'active') {
      await this.requireLinkable(tx, tenantId, identity.issuer, account);
      if (!member.vouched) await this.endClaim(tx, tenantId, account);
      return account.id;
    }
    if (member.disabled) throw notInTenant();
    if (member.role === 'owner') throw notForProviders();
    const claimed = passwordHash !== null || account.memberships.length > 1;
    if (claimed) return this.takeInvitation(tx, config, identity, account, member.role);
    await this.accounts.vouch(tx, tenantId, account.id);
    return account.id;
  }

  /** The invitation went to the address, so it is for whoever the provider proves it to be, not for an account there. */
  private async takeInvitation(
    tx: Transaction,
    config: OidcConfigRow,
    identity: ProvenIdentity,
    invited: Account,
    role: SsoRole,
  ): Promise<string> {
    await this.accounts.withdrawInvitation(tx, config.tenant_id, invited.id);
    return this.create(tx, config, identity, invited.email, role);
  }

  /** Whoever registered with the address before it was proven keeps neither a password nor a session. */
  private async endClaim(tx: Transaction, tenantId: string, account: Account): Promise<void> {
    await this.accounts.vouch(tx, tenantId, account.id);
    await this.sessions.end(tx, { userId: account.id }, 'the address was proven by the sign-in provider');
    const message = `The password of '${account.email}' is void: the sign-in provider proved whose the address is`;
    await this.note(tx, tenantId, account, 'auth.password_voided', message);
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
    unmapped: SsoRole,
  ): Promise<string> {
    const { tenant_id: tenantId } = config;
    const { firstName, lastName, groups, issuer } = identity;
    const role = roleFor(config, groups, unmapped);
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

const notInTenant = () => notYours('You are not (any more) in this tenant');
const notForProviders = () => notYours('Owners and operators sign in with their password');

function roleFor(config: OidcConfigRow, groups: string[], unmapped = config.default_role): SsoRole {
  const mapped = groups
    .filter((group) => Object.hasOwn(config.role_mapping, group))
    .map((group) => config.role_mapping[group]!);
  return mapped.sort((a, b) => SSO_ROLES.indexOf(b) - SSO_ROLES.indexOf(a))[0] ?? unmapped;
}

/** What somebody else's invitation waits for is no work: it must not keep a person out of their own tenant. */
function requireOwnMember(account: Account, tenantId: string): void {
  const member = account.memberships.find((m) => m.tenantId === tenantId);
  if (!member || account.disabled || member.disabled) throw notInTenant();
  if (account.superadmin || member.role === 'owner') throw notForProviders();
  if (account.memberships.some((m) => m.tenantId !== tenantId && m.status === 'active'))
    throw notYours('You work in several tenants; sign in with your password');
}
