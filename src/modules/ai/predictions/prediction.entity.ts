import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ModelOutput } from '../models/runtime.js';

/** What a model was asked and said. */
@Entity('ai_predictions')
export class Prediction {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') model: string;
  @Column('text') model_version: string;
  @Column('text', { nullable: true }) batch_id: string | null;
  @Column('jsonb', { nullable: true, select: false }) input: unknown;
  @Column('jsonb', { nullable: true }) output: ModelOutput | null;
  @Column('text', { nullable: true }) error: string | null;
  @Column('double precision', { nullable: true }) confidence: number | null;
  @Column('double precision') latency_ms: number;
  @Column('timestamptz') created_at: Date;
}
