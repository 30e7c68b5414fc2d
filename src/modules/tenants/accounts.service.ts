import { Injectable } from '@nestjs/common';
import { AppError, forbidden } from '../../common/errors.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import type { TenantRole } from '../../common/permissions.js';
import { Notifications, type Transaction } from '../../platform/database/index.js';
import { hashToken } from '../../platform/security/index.js';
import { MEMBERSHIP_CHANGED, type MembershipChanged } from './members.service.js';
import type { Membership } from './membership.entity.js';
import { PlanLimits } from './plan-limits.js';
import { emailTaken, invitationRequired } from './tenants.errors.js';
import { TenantsRepository } from './tenants.repository.js';
import type { User } from './user.entity.js';
import { UsersRepository } from './users.repository.js';

/** A person as sign-in sees them. */
export interface Account {
  id: string;
  email: string;
  username: string;
  firstName: string;
  lastName: string;
  superadmin: boolean;
  disabled: boolean;
  createdAt: Date;
  lastLogin: Date | null;
  /** The tenant whose sign-in provider vouches for the person; null for people with a password of their own. */
  homeTenantId: string | null;
  memberships: AccountMembership[];
}

export interface AccountMembership {
  tenantId: string;
  role: TenantRole;
  status: 'active' | 'invited';
  disabled: boolean;
  /** False while the person only claims the address by which they were let in. */
  vouched: boolean;
}

export interface Registration {
  email: string;
  firstName: string;
  lastName: string;
  passwordHash: string;
}

const toAccount = (user: User, memberships: Membership[]): Account => ({
  id: user.id,
  email: user.email,
  username: user.username,
  firstName: user.first_name,
  lastName: user.last_name,
  superadmin: user.superadmin,
  disabled: user.disabled,
  createdAt: user.created_at,
  lastLogin: user.last_login,
  homeTenantId: user.home_tenant_id,
  memberships: memberships.map((m) => ({
    tenantId: m.tenant_id,
    role: m.role,
    status: m.status,
    disabled: m.disabled,
    vouched: m.vouched,
  })),
});

const notInvited = () =>
  forbidden(
    'This tenant has not invited this address and does not allow its domain',
    'REGISTRATION_NOT_ALLOWED',
  );

/** What sign-in needs of people and tenants. Every method takes a system transaction. */
@Injectable()
export class Accounts {
  constructor(
    private readonly users: UsersRepository,
    private readonly tenants: TenantsRepository,
    private readonly limits: PlanLimits,
    private readonly notifications: Notifications,
  ) {}

  /** By e-mail address or user name in any case; the hash is null for somebody who was only invited. */
  async findForSignIn(
    tx: Transaction,
    identifier: string,
  ): Promise<{ account: Account; passwordHash: string | null } | null> {
    const user = await this.users.findForSignIn(tx, identifier);
    if (!user) return null;
    return {
      account: toAccount(user, await this.users.memberships(tx, user.id)),
      passwordHash: user.password_hash,
    };
  }

  /** Whoever has the address among the tenant's people and those whom it invited; the hash as above. */
  async findInTenant(
    tx: Transaction,
    tenantId: string,
    email: string,
  ): Promise<{ account: Account; passwordHash: string | null } | null> {
    const user = await this.users.memberByEmail(tx, tenantId, email);
    if (!user) return null;
    return {
      account: toAccount(user, await this.users.memberships(tx, user.id)),
      passwordHash: user.password_hash,
    };
  }

  async get(tx: Transaction, userId: string): Promise<Account> {
    return toAccount(await this.users.get(tx, userId), await this.users.memberships(tx, userId));
  }

  /** Everybody, in the order in which they came; `search` is the beginning of an e-mail address, in any case. */
  async page(tx: Transaction, request: PageRequest, search?: string): Promise<Page<Account>> {
    const page = await this.users.page(tx, request, search);
    const memberships = await this.users.membershipsOf(
      tx,
      page.items.map((u) => u.id),
    );
    return page.map((user) =>
      toAccount(
        user,
        memberships.filter((m) => m.user_id === user.id),
      ),
    );
  }

  passwordHash(tx: Transaction, userId: string): Promise<string | null> {
    return this.users.passwordHash(tx, userId);
  }

  async setPassword(tx: Transaction, userId: string, hash: string): Promise<void> {
    await this.users.setPassword(tx, userId, hash);
  }

  async rename(
    tx: Transaction,
    userId: string,
    names: { first_name?: string; last_name?: string },
  ): Promise<Account> {
    const user = await this.users.get(tx, userId);
    await this.users.save(tx, Object.assign(user, names));
    return this.get(tx, userId);
  }

  /**
   * Notes a sign-in; one with the token of the tenant's invitation accepts it.
   * @throws AppError 403 INVITATION_REQUIRED
   */
  async signedIn(tx: Transaction, userId: string, tenantId: string, invitation?: string): Promise<void> {
    await this.users.touchLogin(tx, userId);
    const member = await this.users.membership(tx, tenantId, userId);
    if (member.status === 'active') return;
    if (!invitation || member.invitation_hash !== hashToken(invitation)) throw invitationRequired();
    await this.users.saveMember(tx, { ...member, status: 'active', invitation_hash: null });
  }

  /**
   * A new person with a tenant of their own; whom others have merely invited is new.
   * @throws AppError 409 EMAIL_TAKEN
   */
  async registerOwner(
    tx: Transaction,
    person: Registration,
    tenantName: string,
  ): Promise<{ userId: string; tenantId: string }> {
    const existing = await this.unclaimed(tx, person.email);
    const tenant = await this.tenants.insert(tx, { name: tenantName, plan: 'free' });
    const user = await this.claim(tx, existing, person);
    await this.users.addMember(tx, {
      tenant_id: tenant.id,
      user_id: user.id,
      role: 'owner',
      status: 'active',
    });
    return { userId: user.id, tenantId: tenant.id };
  }

  /**
   * A new person in an existing tenant: with the invitation's token, or by the domains that the tenant allows.
   * @throws AppError 403 REGISTRATION_NOT_ALLOWED, also for a tenant that does not exist; 409 EMAIL_TAKEN
   */
  async registerMember(
    tx: Transaction,
    person: Registration,
    tenantId: string,
    invitation?: string,
  ): Promise<{ userId: string }> {
    const tenant = await this.tenants.get(tx, tenantId).catch((e: unknown) => {
      throw e instanceof AppError && e.status === 404 ? notInvited() : e;
    });
    const existing = await this.unclaimed(tx, person.email);
    const member = await this.users.memberByEmail(tx, tenantId, person.email);
    if (member && member.id !== existing?.id) throw emailTaken();
    if (existing && member) return this.acceptInvitation(tx, existing, person, tenantId, invitation);
    const domain = person.email.split('@')[1]!.toLowerCase();
    if (!tenant.settings.allow_registration_domains?.includes(domain)) throw notInvited();
    await this.limits.requireRoom(tx, tenantId, 'users');
    const user = await this.claim(tx, existing, person);
    await this.users.addMember(tx, {
      tenant_id: tenantId,
      user_id: user.id,
      role: 'member',
      status: 'active',
      vouched: false,
    });
    return { userId: user.id };
  }

  /** Whether people of the tenant may sign in. @throws AppError 404 */
  async isOpen(tx: Transaction, tenantId: string): Promise<boolean> {
    return (await this.tenants.get(tx, tenantId)).status === 'active';
  }

  /** E-mail domains that are the tenant's: its own, and those whose people may register. */
  async domains(tx: Transaction, tenantId: string): Promise<string[]> {
    const { domain, settings } = await this.tenants.get(tx, tenantId);
    return [...(domain ? [domain] : []), ...(settings.allow_registration_domains ?? [])].map((d) =>
      d.toLowerCase(),
    );
  }

  /**
   * A new person whom the tenant's sign-in provider vouches for; they have no password.
   * @throws AppError 403 at the plan's limit
   */
  async addVouched(
    tx: Transaction,
    tenantId: string,
    person: Omit<Registration, 'passwordHash'>,
    role: TenantRole,
  ): Promise<string> {
    await this.limits.requireRoom(tx, tenantId, 'users');
    const { email, firstName: first_name, lastName: last_name } = person;
    const user = await this.users.insert(tx, {
      email,
      first_name,
      last_name,
      password_hash: null,
      home_tenant_id: tenantId,
    });
    await this.users.addMember(tx, { tenant_id: tenantId, user_id: user.id, role, status: 'active' });
    return user.id;
  }

  /** The tenant's provider proves whose the address is: an invitation is accepted, a password that a mere claim set is void. */
  async vouch(tx: Transaction, tenantId: string, userId: string): Promise<void> {
    const member = await this.users.membership(tx, tenantId, userId);
    await this.users.save(tx, Object.assign(await this.users.get(tx, userId), { home_tenant_id: tenantId }));
    await this.users.setPassword(tx, userId, null);
    await this.users.saveMember(tx, { ...member, status: 'active', invitation_hash: null, vouched: true });
  }

  /** The person read what was mailed to their address: it is theirs. */
  async proven(tx: Transaction, userId: string): Promise<void> {
    for (const member of await this.users.memberships(tx, userId))
      if (!member.vouched) await this.users.saveMember(tx, { ...member, vouched: true });
  }

  /** Takes the tenant's invitation back, for a person who came by another way. */
  async withdrawInvitation(tx: Transaction, tenantId: string, userId: string): Promise<void> {
    await this.users.removeMember(tx, tenantId, userId);
    const left = await this.users.memberships(tx, userId);
    if (!left.length && !(await this.users.passwordHash(tx, userId))) await this.users.delete(tx, userId);
  }

  /** Gives a member another role; sessions look again. */
  async changeRole(tx: Transaction, tenantId: string, userId: string, role: TenantRole): Promise<void> {
    const member = await this.users.membership(tx, tenantId, userId);
    if (member.role === role) return;
    await this.users.saveMember(tx, { ...member, role });
    await this.notifications.publish(tx, MEMBERSHIP_CHANGED, { userId } satisfies MembershipChanged);
  }

  private async acceptInvitation(
    tx: Transaction,
    user: User,
    person: Registration,
    tenantId: string,
    invitation?: string,
  ) {
    const member = (await this.users.memberships(tx, user.id)).find((m) => m.tenant_id === tenantId);
    if (!invitation || member?.invitation_hash !== hashToken(invitation)) throw notInvited();
    await this.claim(tx, user, person);
    await this.users.saveMember(tx, { ...member, status: 'active', invitation_hash: null });
    await this.notifications.publish(tx, MEMBERSHIP_CHANGED, { userId: user.id } satisfies MembershipChanged);
    return { userId: user.id };
  }

  /** Whom tenants have invited by this address, while nobody has registered with it. @throws AppError 409 EMAIL_TAKEN */
  private async unclaimed(tx: Transaction, email: string): Promise<User | null> {
    const user = await this.users.findForSignIn(tx, email);
    if (!user) return null;
    const active = (await this.users.memberships(tx, user.id)).some((m) => m.status === 'active');
    if (user.password_hash || user.superadmin || active) throw emailTaken();
    return user;
  }

  private async claim(tx: Transaction, existing: User | null, person: Registration): Promise<User> {
    const { email, firstName: first_name, lastName: last_name, passwordHash: password_hash } = person;
    if (!existing) return this.users.insert(tx, { email, first_name, last_name, password_hash });
    const user = await this.users.save(tx, Object.assign(existing, { first_name, last_name }));
    await this.users.setPassword(tx, user.id, password_hash);
    return user;
  }

  /** Makes the operator's own tenant and the first superadmin when there is no superadmin yet. */
  async seedSuperadmin(tx: Transaction, person: Registration & { username: string }): Promise<boolean> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('veloflux seed'))`);
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM users WHERE superadmin');
    if (n > 0) return false;
    const tenant = await this.tenants.insert(tx, { name: 'Operations', plan: 'enterprise' });
    await this.addSuperadmin(tx, person, tenant.id, person.username);
    return true;
  }

  /** A further operator of the installation, at home in `tenantId`. @throws AppError 409 EMAIL_TAKEN */
  async addSuperadmin(
    tx: Transaction,
    person: Registration,
    tenantId: string,
    username?: string,
  ): Promise<Account> {
    if (await this.users.findForSignIn(tx, person.email)) throw emailTaken();
    const { email, firstName: first_name, lastName: last_name, passwordHash: password_hash } = person;
    const user = await this.users.insert(tx, {
      email,
      first_name,
      last_name,
      password_hash,
      superadmin: true,
      ...(username && { username }),
    });
    await this.users.addMember(tx, {
      tenant_id: tenantId,
      user_id: user.id,
      role: 'owner',
      status: 'active',
    });
    return this.get(tx, user.id);
  }
}
