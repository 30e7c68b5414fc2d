import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { TrainingInfo } from '../core/index.js';
import type { TrainingMetrics, TrainingStatus } from './training.dto.js';

interface TrainingParams {
  epochs?: number;
}

/** One training of a model, waiting, under way or ended; the columns of queued work are `WorkQueue`'s. */
@Entity('ai_training_runs')
export class TrainingRun {
  @PrimaryColumn('text') id: string;
  @Column('int', { default: 0 }) attempts: number;
  @Column('text') tenant_id: string;
  @Column('text') model_type: string;
  @Column('text', { nullable: true }) pool_id: string | null;
  @Column('text') trigger: string;
  @Column('jsonb') params: TrainingParams;
  /** What came with the request; only loaded by the worker. */
  @Column('jsonb', { nullable: true, select: false })
  data?: { series?: { timestamp: string; value: number }[]; rows?: { text: string; label: string }[] } | null;
  @Column('text', { default: 'pending' }) status: TrainingStatus;
  @Column('boolean', { default: false }) stop_requested: boolean;
  /** Per cent. */
  @Column('real', { default: 0 }) progress: number;
  @Column('jsonb', { nullable: true }) stage: TrainingInfo | null;
  @Column('jsonb', { nullable: true }) metrics: TrainingMetrics | null;
  @Column('text', { nullable: true }) error: string | null;
  @Column('int', { nullable: true }) model_version: number | null;
  @Column('timestamptz', { default: () => 'clock_timestamp()' }) created_at: Date;
  @Column('timestamptz', { nullable: true }) started_at: Date | null;
  @Column('timestamptz', { nullable: true }) finished_at: Date | null;
}
