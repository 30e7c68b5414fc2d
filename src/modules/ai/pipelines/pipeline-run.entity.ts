import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PredictionInput } from '../models/runtime.js';
import type { ItemResult, Target } from './batch-executor.js';
import type { StepResult } from './pipeline-executor.js';
import type { RunStatus } from './pipeline-runs.repository.js';
import type { StepOutput } from './step-runner.js';

/** One input, or a batch of them, on its way through a pipeline; the columns of queued work are `WorkQueue`'s. */
@Entity('ai_pipeline_runs')
export class PipelineRun {
  @PrimaryColumn('text') id: string;
  @Column('int') attempts: number;
  @Column('text') tenant_id: string;
  @Column('text') pipeline_id: string;
  @Column('text') status: RunStatus;
  @Column('boolean') cancel_requested: boolean;
  @Column('boolean') async: boolean;
  /** Null for a batch. */
  @Column('jsonb', { nullable: true }) input: PredictionInput | null;
  /** Of a batch; may be megabytes. */
  @Column('jsonb', { nullable: true, select: false }) inputs: PredictionInput[] | null;
  @Column('text') target: Target;
  @Column('text') executor: 'local' | 'dask';
  @Column('text', { nullable: true }) executor_reason: string | null;
  @Column('jsonb', { nullable: true }) output: StepOutput | null;
  /** Of a batch that has ended; not in lists. */
  @Column('jsonb', { nullable: true, select: false }) results: ItemResult[] | null;
  @Column('jsonb') steps: StepResult[];
  @Column('text', { nullable: true }) error: string | null;
  /** Per cent. */
  @Column('real') progress: number;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz', { nullable: true }) started_at: Date | null;
  @Column('timestamptz', { nullable: true }) finished_at: Date | null;
}
