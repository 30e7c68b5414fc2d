import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';

/** A person, whichever tenants they work in. */
@Entity('users')
export class User {
  @PrimaryColumn('text') id: string;
  @Column('text') email: string;
  @Column('text') username: string;
  @Column('text') first_name: string;
  @Column('text') last_name: string;
  /** Argon2id; null while the person was invited and has not registered. */
  @Column('text', { nullable: true, select: false }) password_hash: string | null;
  /** The tenant whose sign-in provider vouches for the person, who has no password and works nowhere else. */
  @Column('text', { nullable: true }) home_tenant_id: string | null;
  @Column('boolean') superadmin: boolean;
  @Column('boolean') disabled: boolean;
  @Column('timestamptz', { nullable: true }) last_login: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updated_at: Date;
}
