import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ModelStatus } from './models.repository.js';
import type { ModelRuntime, ModelSettings } from './runtime.js';

/** A model that a tenant added to the built-in ones. */
@Entity('ai_models')
export class ModelDeployment {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') name: string;
  @Column('text') version: string;
  @Column('text') runtime: ModelRuntime['kind'];
  @Column('text') status: ModelStatus;
  @Column('text', { nullable: true }) reason: string | null;
  @Column('jsonb') config: ModelSettings;
  /** Of a pull, 0 to 1. */
  @Column('real', { nullable: true }) progress: number | null;
  @Column('timestamptz', { default: () => 'clock_timestamp()' }) created_at: Date;
  @Column('timestamptz', { default: () => 'clock_timestamp()' }) updated_at: Date;
}
