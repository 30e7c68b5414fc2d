import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One sign-in: a family of refresh tokens, of which only the last one made is good. */
@Entity('sessions')
export class Session {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') user_id: string;
  /** SHA-256 of the current refresh token. */
  @Column('text') refresh_hash: string;
  @Column('int') generation: number;
  @Column('text', { nullable: true }) address: string | null;
  @Column('text', { nullable: true }) user_agent: string | null;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') refreshed_at: Date;
  @Column('timestamptz') expires_at: Date;
  @Column('timestamptz', { nullable: true }) ended_at: Date | null;
  @Column('text', { nullable: true }) end_reason: string | null;
}
