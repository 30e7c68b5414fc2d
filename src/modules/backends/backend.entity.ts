import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn, VersionColumn } from 'typeorm';
import type { AdminState } from '../../common/load-balancing.js';
import type { HealthCheck } from './health-check.js';

@Entity('backends')
export class Backend {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') pool_id: string;
  @Column('text') address: string;
  @Column('int') weight: number;
  @Column('text', { nullable: true }) region: string | null;
  @Column('text') admin_state: AdminState;
  /** What differs from the pool's health check; null: nothing. */
  @Column('jsonb', { nullable: true }) health_check: Partial<HealthCheck> | null;
  @VersionColumn() version: number;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updated_at: Date;
}
