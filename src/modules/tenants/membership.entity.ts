import {
  Column,
  CreateDateColumn,
  Entity,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  type Relation,
} from 'typeorm';
import type { TenantRole } from '../../common/permissions.js';
import { User } from './user.entity.js';

/** What a person may do in one tenant. */
@Entity('memberships')
export class Membership {
  @PrimaryColumn('text') tenant_id: string;
  @PrimaryColumn('text') user_id: string;
  @Column('text') role: TenantRole;
  /** `invited`: the person has an account but has not signed in to this tenant yet, or has yet to register. */
  @Column('text') status: 'active' | 'invited';
  /** SHA-256 of the invitation token. */
  @Column('text', { nullable: true }) invitation_hash: string | null;
  /** False while the person only claims the address by which they were let in. */
  @Column('boolean') vouched: boolean;
  @Column('boolean') disabled: boolean;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;

  @ManyToOne(() => User)
  @JoinColumn({ name: 'user_id' })
  user: Relation<User>;
}
