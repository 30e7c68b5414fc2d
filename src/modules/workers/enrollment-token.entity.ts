import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What one machine may become a worker with. */
@Entity('enrollment_tokens')
export class EnrollmentToken {
  @PrimaryColumn('text') id: string;
  /** SHA-256 of the token, which is shown once. */
  @Column('text', { select: false }) token_hash: string;
  @Column('text') description: string;
  @Column('text') created_by: string;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') expires_at: Date;
  @Column('timestamptz', { nullable: true }) used_at: Date | null;
  @Column('timestamptz', { nullable: true }) revoked_at: Date | null;
  /** Who enrolled with it. */
  @Column('text', { nullable: true }) worker_id: string | null;
  @Column('text', { nullable: true }) worker_name: string | null;
}
