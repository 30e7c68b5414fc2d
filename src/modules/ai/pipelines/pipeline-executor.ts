import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../../common/errors.js';
import type { PredictionInput } from '../models/runtime.js';
import { type PipelineState, type StepOutput, StepRunner } from './step-runner.js';
import type { Step } from './step-schemas.js';

export interface StepResult {
  name: string;
  /** `skipped`: an earlier one failed or the run was cancelled. */
  status: 'completed' | 'failed' | 'skipped';
  /** Null when it did not run. */
  duration_ms: number | null;
  error: string | null;
}

export interface RunOutcome {
  status: 'completed' | 'failed' | 'cancelled';
  /** Of the last step; null unless completed. */
  output: StepOutput | null;
  steps: StepResult[];
  error: string | null;
  /** It failed for a reason that may be gone at the next try: a dependency is away or too busy. */
  transient?: boolean;
}

/** Runs a pipeline's steps one after the other; the first that fails ends it, with the reason. */
@Injectable()
export class PipelineExecutor {
  private readonly logger = new Logger(PipelineExecutor.name);

  constructor(private readonly runner: StepRunner) {}

  /** @param signal ends the run between two steps, and a step that asks a model at once */
  async execute(
    tenantId: string,
    steps: readonly Step[],
    input: PredictionInput,
    signal: AbortSignal,
    onStep: (results: StepResult[]) => void = () => undefined,
  ): Promise<RunOutcome> {
    let state: PipelineState = { input, output: null };
    const results: StepResult[] = [];
    for (const step of steps) {
      if (signal.aborted) return ended('cancelled', steps, results, null);
      const started = performance.now();
      try {
        state = await this.runner.run(tenantId, step, state, signal);
      } catch (e) {
        const duration = performance.now() - started;
        const error = signal.aborted ? 'cancelled' : this.reasonOf(step, e as Error);
        results.push({ name: step.name, status: 'failed', duration_ms: duration, error });
        const outcome = ended(
          signal.aborted ? 'cancelled' : 'failed',
          steps,
          results,
          `${step.name}: ${error}`,
        );
        return { ...outcome, transient: isTransient(e) };
      }
      const duration = performance.now() - started;
      results.push({ name: step.name, status: 'completed', duration_ms: duration, error: null });
      onStep(results);
    }
    return { status: 'completed', output: state.output, steps: results, error: null };
  }

  private reasonOf({ name }: Step, error: Error): string {
    if (error instanceof AppError) return error.message;
    this.logger.warn(`${name}: ${error.message}`);
    return 'the step failed';
  }
}

/** 503 is what a dependency that is away, a full line and a time limit answer. */
export const isTransient = (error: unknown): boolean => error instanceof AppError && error.status === 503;

function ended(
  status: 'failed' | 'cancelled',
  steps: readonly Step[],
  results: StepResult[],
  error: string | null,
): RunOutcome {
  const skipped = steps
    .slice(results.length)
    .map(({ name }) => ({ name, status: 'skipped' as const, duration_ms: null, error: null }));
  const reason = status === 'cancelled' ? null : error;
  return { status, output: null, steps: [...results, ...skipped], error: reason };
}
