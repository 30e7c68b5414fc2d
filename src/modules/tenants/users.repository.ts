import { Injectable } from '@nestjs/common';
import { ILike, In } from 'typeorm';
import { notFound } from '../../common/errors.js';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { TenantRole } from '../../common/permissions.js';
import type { Transaction } from '../../platform/database/index.js';
import { Membership } from './membership.entity.js';
import { User } from './user.entity.js';

export interface NewUser {
  email: string;
  username?: string;
  first_name: string;
  last_name: string;
  password_hash: string | null;
  home_tenant_id?: string;
  superadmin?: boolean;
}

/** Which of a tenant's people; `search` is the beginning of their address or names, in any case. */
export interface MemberFilter {
  search?: string;
  role?: TenantRole;
  status?: 'active' | 'invited';
}

/** People and their memberships. Users are seen by system transactions only: e-mail addresses cross tenants. */
@Injectable()
export class UsersRepository {
  async insert(tx: Transaction, user: NewUser): Promise<User> {
    const repository = tx.getRepository(User);
    return repository.save(
      repository.create({
        id: newId('user'),
        username: user.email.toLowerCase(),
        home_tenant_id: null,
        superadmin: false,
        disabled: false,
        last_login: null,
        ...user,
      }),
    );
  }

  save(tx: Transaction, user: User): Promise<User> {
    return tx.getRepository(User).save(user);
  }

  async get(tx: Transaction, id: string): Promise<User> {
    const user = await tx.getRepository(User).findOneBy({ id });
    if (!user) throw notFound('User', id);
    return user;
  }

  /** By e-mail address or user name, in any case, with the password's hash; nobody whom a provider signs in. */
  findForSignIn(tx: Transaction, identifier: string): Promise<User | null> {
    return tx
      .getRepository(User)
      .createQueryBuilder('u')
      .addSelect('u.password_hash')
      .where('u.home_tenant_id IS NULL')
      .andWhere('(lower(u.email) = :id OR lower(u.username) = :id)', { id: identifier.toLowerCase() })
      .getOne();
  }

  /** Whoever has this e-mail address, in any case, among the people of the tenant and those whom it invited. */
  async memberByEmail(tx: Transaction, tenantId: string, email: string): Promise<User | null> {
    return tx
      .getRepository(User)
      .createQueryBuilder('u')
      .addSelect('u.password_hash')
      .innerJoin(Membership, 'm', 'm.user_id = u.id AND m.tenant_id = :tenantId', { tenantId })
      .where('lower(u.email) = :email', { email: email.toLowerCase() })
      .orderBy('u.home_tenant_id', 'ASC', 'NULLS LAST')
      .getOne();
  }

  async passwordHash(tx: Transaction, id: string): Promise<string | null> {
    const [row] = await tx.query('SELECT password_hash FROM users WHERE id = $1', [id]);
    return row?.password_hash ?? null;
  }

  async setPassword(tx: Transaction, id: string, hash: string | null): Promise<void> {
    await tx.getRepository(User).update({ id }, { password_hash: hash });
  }

  async touchLogin(tx: Transaction, id: string): Promise<void> {
    await tx.query('UPDATE users SET last_login = clock_timestamp() WHERE id = $1', [id]);
  }

  async page(tx: Transaction, request: PageRequest, search?: string): Promise<Page<User>> {
    const query = tx.getRepository(User).createQueryBuilder('u').orderBy('u.created_at').addOrderBy('u.id');
    if (search)
      query.where('lower(u.email) LIKE :like', {
        like: `${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`,
      });
    const [items, total] = await query.skip(offsetOf(request)).take(request.limit).getManyAndCount();
    return new Page(items, total, request.page, request.limit);
  }

  async delete(tx: Transaction, id: string): Promise<void> {
    await tx.getRepository(User).delete({ id });
  }

  async members(
    tx: Transaction,
    tenantId: string,
    request: PageRequest,
    filter: MemberFilter = {},
  ): Promise<Page<Membership>> {
    const begins = filter.search && ILike(`${filter.search.replace(/[\\%_]/g, '\\$&')}%`);
    const member = {
      tenant_id: tenantId,
      ...(filter.role && { role: filter.role }),
      ...(filter.status && { status: filter.status }),
    };
    const fields = ['email', 'first_name', 'last_name'] as const;
    const [items, total] = await tx.getRepository(Membership).findAndCount({
      where: begins ? fields.map((field) => ({ ...member, user: { [field]: begins } })) : member,
      relations: { user: true },
      order: { created_at: 'ASC', user_id: 'ASC' },
      skip: offsetOf(request),
      take: request.limit,
    });
    return new Page(items, total, request.page, request.limit);
  }

  async membership(tx: Transaction, tenantId: string, userId: string): Promise<Membership> {
    const found = await tx
      .getRepository(Membership)
      .findOne({ where: { tenant_id: tenantId, user_id: userId }, relations: { user: true } });
    if (!found) throw notFound('User', userId);
    return found;
  }

  memberships(tx: Transaction, userId: string): Promise<Membership[]> {
    return tx.getRepository(Membership).find({ where: { user_id: userId }, order: { created_at: 'ASC' } });
  }

  membershipsOf(tx: Transaction, userIds: string[]): Promise<Membership[]> {
    return tx
      .getRepository(Membership)
      .find({ where: { user_id: In(userIds) }, order: { created_at: 'ASC' } });
  }

  addMember(
    tx: Transaction,
    member: {
      tenant_id: string;
      user_id: string;
      role: TenantRole;
      status: 'active' | 'invited';
      invitation_hash?: string | null;
      vouched?: boolean;
    },
  ): Promise<Membership> {
    return tx
      .getRepository(Membership)
      .save({ invitation_hash: null, disabled: false, vouched: true, ...member } as Membership);
  }

  saveMember(tx: Transaction, member: Membership): Promise<Membership> {
    return tx.getRepository(Membership).save(member);
  }

  async removeMember(tx: Transaction, tenantId: string, userId: string): Promise<void> {
    await tx.getRepository(Membership).delete({ tenant_id: tenantId, user_id: userId });
  }

  /** Owners who can sign in; the last one stays. */
  async activeOwners(tx: Transaction, tenantId: string): Promise<number> {
    const [row] = await tx.query(
      `SELECT count(*)::int AS n FROM memberships m JOIN users u ON u.id = m.user_id
       WHERE m.tenant_id = $1 AND m.role = 'owner' AND m.status = 'active' AND NOT m.disabled AND NOT u.disabled`,
      [tenantId],
    );
    return row.n;
  }
}
