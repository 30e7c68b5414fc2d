import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn, VersionColumn } from 'typeorm';
import type { Algorithm } from '../../common/load-balancing.js';
import type { HealthCheck } from '../backends/index.js';

@Entity('pools')
export class Pool {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') name: string;
  @Column('text') algorithm: Algorithm;
  @Column('boolean') sticky_sessions: boolean;
  @Column('jsonb') health_check: HealthCheck;
  @Column('text') connect_timeout: string;
  @Column('text') response_timeout: string;
  @Column('int') retries: number;
  @VersionColumn() version: number;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updated_at: Date;
}
