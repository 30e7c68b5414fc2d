import { Column, Entity, PrimaryColumn } from 'typeorm';
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
  @Column('int') version: number;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') updated_at: Date;
}
