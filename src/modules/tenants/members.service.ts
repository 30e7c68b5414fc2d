import { Injectable } from '@nestjs/common';
import { forbidden } from '../../common/errors.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { mayGrant, type Role, type TenantRole } from '../../common/permissions.js';
import { Database, Notifications, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { hashToken, PasswordHasher, type Principal, randomToken } from '../../platform/security/index.js';
import type { Membership } from './membership.entity.js';
import { PlanLimits } from './plan-limits.js';
import { requireTenant } from './tenant-scope.js';
import { aboveYourself, alreadyMember, lastOwner, noPassword } from './tenants.errors.js';
import { type AddUserRequest, type UpdateUserRequest, UserResponse } from './users.dto.js';
import { type MemberFilter, UsersRepository } from './users.repository.js';

/** Notification after a change of what a person may do; sessions look again. */
export const MEMBERSHIP_CHANGED = 'membership';
export interface MembershipChanged {
  userId: string;
}

type NewMember = Pick<AddUserRequest, 'email' | 'role'> & Partial<AddUserRequest>;

/** `Ada King Byron` → Ada, King Byron. */
export function splitName(request: { name?: string; first_name?: string; last_name?: string }) {
  const [first = '', ...rest] = (request.name ?? '').split(/\s+/);
  return { first_name: request.first_name ?? first, last_name: request.last_name ?? rest.join(' ') };
}

const roleOf = (member: Membership): Role => (member.user.superadmin ? 'superadmin' : member.role);

/** The people of a tenant. */
@Injectable()
export class MembersService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly limits: PlanLimits,
    private readonly journal: Journal,
    private readonly notifications: Notifications,
    private readonly passwords: PasswordHasher,
  ) {}

  async list(
    principal: Principal,
    tenantId: string,
    request: PageRequest,
    filter: MemberFilter = {},
  ): Promise<Page<UserResponse>> {
    requireTenant(principal, tenantId);
    return this.database.system(async (tx) =>
      (await this.users.members(tx, tenantId, request, filter)).map((m) => UserResponse.from(m)),
    );
  }

  async create(principal: Principal, tenantId: string, request: AddUserRequest): Promise<UserResponse> {
    requireTenant(principal, tenantId);
    // hashed before the transaction: it takes tens of milliseconds of a core
    const hash = request.password ? await this.passwords.hash(request.password) : null;
    return this.database.system((tx) => this.add(tx, principal, tenantId, request, hash));
  }

  /**
   * Adds a person inside `tx`. Without a password, and when the address has an account already, they are invited: who
   * has an account may be anybody who claimed the address, so that joining takes the invitation's token.
   */
  async add(
    tx: Transaction,
    principal: Principal,
    tenantId: string,
    request: NewMember,
    hash: string | null = null,
  ) {
    if (!mayGrant(principal.role, request.role)) throw aboveYourself();
    await this.limits.requireRoom(tx, tenantId, 'users');
    if (await this.users.memberByEmail(tx, tenantId, request.email)) throw alreadyMember(request.email);
    const existing = await this.users.findForSignIn(tx, request.email);
    const invitation = hash && !existing ? null : randomToken();
    const user =
      existing ??
      (await this.users.insert(tx, { email: request.email, ...splitName(request), password_hash: hash }));
    await this.users.addMember(tx, {
      tenant_id: tenantId,
      user_id: user.id,
      role: request.role,
      status: invitation ? 'invited' : 'active',
      invitation_hash: invitation && hashToken(invitation),
    });
    await this.note(tx, tenantId, user.id, 'user.added', `User '${request.email}' added as ${request.role}`);
    const response = UserResponse.from(await this.users.membership(tx, tenantId, user.id));
    return invitation ? { ...response, invitation_token: invitation } : response;
  }

  async update(
    principal: Principal,
    tenantId: string,
    userId: string,
    change: UpdateUserRequest,
  ): Promise<UserResponse> {
    requireTenant(principal, tenantId);
    return this.database.system(async (tx) => {
      const member = await this.changeable(tx, principal, tenantId, userId);
      if (change.role && !mayGrant(principal.role, change.role)) throw aboveYourself();
      const losesOwner =
        member.role === 'owner' && (change.disabled || (change.role && change.role !== 'owner'));
      await this.applyRole(tx, member, change);
      if (losesOwner) await this.keepAnOwner(tx, tenantId);
      await this.applyNames(tx, principal, member, change);
      const what = Object.keys(change).join(', ') || 'nothing';
      await this.note(tx, tenantId, userId, 'user.updated', `User '${member.user.email}' changed: ${what}`);
      return UserResponse.from(await this.users.membership(tx, tenantId, userId));
    });
  }

  async remove(principal: Principal, tenantId: string, userId: string): Promise<void> {
    requireTenant(principal, tenantId);
    await this.database.system(async (tx) => {
      const member = await this.changeable(tx, principal, tenantId, userId);
      await this.drop(tx, member);
      if (member.role === 'owner') await this.keepAnOwner(tx, tenantId);
      await this.note(tx, tenantId, userId, 'user.removed', `User '${member.user.email}' removed`);
    });
  }

  /**
   * The address of a member whose password `principal` may have set anew: that opens everything that is theirs.
   * @throws AppError 403 above oneself and for people who work elsewhere, too; 404; 409 for people without a password
   */
  async resettable(tx: Transaction, principal: Principal, tenantId: string, userId: string): Promise<string> {
    requireTenant(principal, tenantId);
    const member = await this.changeable(tx, principal, tenantId, userId);
    if (member.status === 'invited' || !(await this.users.passwordHash(tx, userId))) throw noPassword();
    const elsewhere = (await this.users.memberships(tx, userId)).some(
      (m) => m.tenant_id !== tenantId && m.status === 'active',
    );
    if (elsewhere && principal.role !== 'superadmin')
      throw forbidden('This person works in several tenants; ask an operator of the installation');
    return member.user.email;
  }

  /** Before a tenant goes: its people who work nowhere else go with it. */
  async removeAll(tx: Transaction, tenantId: string): Promise<void> {
    for (;;) {
      const { items } = await this.users.members(tx, tenantId, { page: 1, limit: 200 });
      if (!items.length) return;
      for (const member of items) await this.drop(tx, member);
    }
  }

  private async drop(tx: Transaction, member: Membership): Promise<void> {
    await this.users.removeMember(tx, member.tenant_id, member.user_id);
    const left = await this.users.memberships(tx, member.user_id);
    if (!left.length && !member.user.superadmin) await this.users.delete(tx, member.user_id);
    await this.notifications.publish(tx, MEMBERSHIP_CHANGED, {
      userId: member.user_id,
    } satisfies MembershipChanged);
  }

  private async changeable(tx: Transaction, principal: Principal, tenantId: string, userId: string) {
    await this.limits.lockTenant(tx, tenantId);
    const member = await this.users.membership(tx, tenantId, userId);
    if (!mayGrant(principal.role, roleOf(member))) throw aboveYourself();
    return member;
  }

  private async applyRole(tx: Transaction, member: Membership, change: UpdateUserRequest): Promise<void> {
    if (change.role === undefined && change.disabled === undefined) return;
    const role: TenantRole = change.role ?? member.role;
    await this.users.saveMember(tx, { ...member, role, disabled: change.disabled ?? member.disabled });
    await this.notifications.publish(tx, MEMBERSHIP_CHANGED, {
      userId: member.user_id,
    } satisfies MembershipChanged);
  }

  /** A name is the person's in every tenant: with several, only they change it. */
  private async applyNames(
    tx: Transaction,
    principal: Principal,
    member: Membership,
    change: UpdateUserRequest,
  ) {
    if (change.first_name === undefined && change.last_name === undefined) return;
    const elsewhere = (await this.users.memberships(tx, member.user_id)).length > 1;
    if (elsewhere && principal.userId !== member.user_id)
      throw forbidden('This person works in several tenants and changes their name in their own profile');
    Object.assign(member.user, {
      first_name: change.first_name ?? member.user.first_name,
      last_name: change.last_name ?? member.user.last_name,
    });
    await this.users.save(tx, member.user);
  }

  private async keepAnOwner(tx: Transaction, tenantId: string): Promise<void> {
    if ((await this.users.activeOwners(tx, tenantId)) === 0) throw lastOwner();
  }

  private note(
    tx: Transaction,
    tenantId: string,
    userId: string,
    action: string,
    message: string,
  ): Promise<void> {
    return this.journal.recordSecurity(tx, {
      tenantId,
      action,
      message,
      object: { type: 'user', id: userId },
    });
  }
}
