import { Column, Entity, PrimaryColumn } from 'typeorm';
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
  @Column('int') version: number;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') updated_at: Date;
  /** On the weight, see `WeightFactors`; 1: none. No part of what a user configures, so only loaded by name. */
  @Column('real', { select: false }) weight_factor: number;
}
