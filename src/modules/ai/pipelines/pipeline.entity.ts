import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Step } from './step-schemas.js';

/** Steps that inputs are sent through. */
@Entity('ai_pipelines')
export class Pipeline {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') name: string;
  @Column('text') type: string;
  @Column('text') category: string;
  @Column('jsonb') steps: Step[];
  @Column('int', { default: 1 }) version: number;
  @Column('timestamptz', { default: () => 'clock_timestamp()' }) created_at: Date;
  @Column('timestamptz', { default: () => 'clock_timestamp()' }) updated_at: Date;
}
