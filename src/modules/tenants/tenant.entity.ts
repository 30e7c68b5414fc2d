import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn, VersionColumn } from 'typeorm';
import type { PlanId } from './plans.js';

export interface TenantSettings {
  max_users?: number | null;
  max_requests_per_month?: number | null;
  allowed_origins?: string[];
  allow_registration_domains?: string[];
}

@Entity('tenants')
export class Tenant {
  @PrimaryColumn('text') id: string;
  @Column('text') name: string;
  @Column('text', { nullable: true }) domain: string | null;
  @Column('text') status: 'active' | 'suspended';
  @Column('text') plan: PlanId;
  /** The version of the plan that the tenant bought. */
  @Column('int') plan_version: number;
  @Column('jsonb') settings: TenantSettings;
  @VersionColumn() version: number;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updated_at: Date;
}
