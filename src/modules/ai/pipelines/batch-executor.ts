import { setImmediate as breath } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppError, invalidField } from '../../../common/errors.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { BuiltinRuntime } from '../models/builtin.runtime.js';
import type { PredictionInput } from '../models/runtime.js';
import { withThreshold } from '../predictions/predictor.js';
import { DaskBridge, type DaskResult } from './dask/dask-bridge.js';
import { textOf, thresholdOf, undistributable } from './dask/dask-plan.js';
import { PipelineExecutor, type RunOutcome, type StepResult } from './pipeline-executor.js';
import type { StepOutput } from './step-runner.js';
import type { Step } from './step-schemas.js';

export const TARGETS = ['auto', 'local', 'dask'] as const;
/** Where a batch is worked on; `auto`: Dask from {@link DASK_FROM} inputs on, when it can. */
export type Target = (typeof TARGETS)[number];
const DASK_FROM = 2000;
/** Inputs under way at a time; those that ask models share the tenant's places with all else. */
const CONCURRENCY = 4;
const BREATH_MS = 10;

/** What came of one input. */
export interface ItemResult {
  output: StepOutput | null;
  error: string | null;
}

export interface BatchOutcome extends RunOutcome {
  results: ItemResult[] | null;
  executor: 'local' | 'dask';
  /** Why not Dask, when it was wanted or could have been. */
  executorReason: string | null;
}

export type Progress = (done: number) => void;

/** Runs a pipeline on many inputs, here or on a Dask cluster, with the same results. */
@Injectable()
export class BatchExecutor {
  constructor(
    private readonly executor: PipelineExecutor,
    private readonly bridge: DaskBridge,
    private readonly builtin: BuiltinRuntime,
    private readonly config: AiConfigService,
  ) {}

  /** @throws AppError 422 for a pipeline that cannot go to Dask, 503 when Dask is away; nothing unless it is asked for */
  async checkTarget(tenantId: string, steps: readonly Step[], target: Target): Promise<void> {
    if (target !== 'dask') return;
    const against = undistributable(steps);
    if (against) throw invalidField(`steps.${against.index}`, 'target', against.reason);
    if (needsModel(steps) && !(await this.builtin.trainedSentiment(tenantId)))
      throw invalidField('target', 'model', NO_MODEL);
    await this.bridge.check();
  }

  /** @throws AppError 503 when Dask was asked for and is away; the caller's signal ends it as `cancelled` */
  async execute(
    tenantId: string,
    steps: readonly Step[],
    inputs: readonly PredictionInput[],
    target: Target,
    signal: AbortSignal,
    onProgress: Progress = () => undefined,
  ): Promise<BatchOutcome> {
    const wanted = target === 'dask' || (target === 'auto' && inputs.length >= DASK_FROM);
    const reason = wanted && target === 'auto' ? await this.reasonAgainst(tenantId, steps) : null;
    if (!wanted || reason !== null) return this.local(tenantId, steps, inputs, signal, onProgress, reason);
    try {
      return await this.onDask(tenantId, steps, inputs, signal, onProgress);
    } catch (e) {
      if (signal.aborted) return cancelled(steps, 'dask');
      if (target === 'dask' || !(e instanceof AppError)) throw e;
      return this.local(tenantId, steps, inputs, signal, onProgress, e.message);
    }
  }

  private async reasonAgainst(tenantId: string, steps: readonly Step[]): Promise<string | null> {
    const against = undistributable(steps);
    if (against) return against.reason;
    if (needsModel(steps) && !(await this.builtin.trainedSentiment(tenantId))) return NO_MODEL;
    return this.bridge.check().then(
      () => null,
      (e: Error) => e.message,
    );
  }

  private async local(
    tenantId: string,
    steps: readonly Step[],
    inputs: readonly PredictionInput[],
    signal: AbortSignal,
    onProgress: Progress,
    executorReason: string | null,
  ): Promise<BatchOutcome> {
    const tally = new Tally(steps, inputs.length);
    let next = 0;
    let breathed = performance.now();
    const work = async () => {
      while (next < inputs.length && !signal.aborted) {
        const index = next++;
        tally.add(index, await this.executor.execute(tenantId, steps, inputs[index]!, signal));
        if (performance.now() - breathed < BREATH_MS) continue;
        onProgress(tally.done);
        await breath();
        breathed = performance.now();
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    if (signal.aborted) return cancelled(steps, 'local');
    return { ...tally.outcome(), executor: 'local', executorReason };
  }

  /** What the bridge leaves to us is computed here, with the errors that it has here. */
  private async onDask(
    tenantId: string,
    steps: readonly Step[],
    inputs: readonly PredictionInput[],
    signal: AbortSignal,
    onProgress: Progress,
  ): Promise<BatchOutcome> {
    const config = await this.config.get(tenantId);
    if (!config.enabled) throw new AppError(409, 'AI_DISABLED', 'AI is switched off for this tenant');
    const model = needsModel(steps) ? await this.builtin.trainedSentiment(tenantId) : null;
    if (needsModel(steps) && !model) throw invalidField('target', 'model', NO_MODEL);
    const texts = inputs.map((input) => textOf(input) ?? '');
    const said = await this.bridge.run({ steps, model: model?.data ?? null, texts }, signal, onProgress);
    const threshold = thresholdOf(steps) ?? config.confidence_threshold;
    const tally = new Tally(steps, inputs.length);
    for (const [index, result] of said.entries()) {
      const output = result && outputOf(result, (logits) => ({ ...model!.classifier.decide(logits) }));
      if (output) tally.addOutput(index, withThreshold(output, threshold));
      else tally.add(index, await this.executor.execute(tenantId, steps, inputs[index]!, signal));
    }
    if (signal.aborted) return cancelled(steps, 'dask');
    return { ...tally.outcome(), executor: 'dask', executorReason: null };
  }
}

const NO_MODEL = 'the built-in lexicon answers here only; train a sentiment model to use Dask';
const needsModel = (steps: readonly Step[]) => steps.some(({ name }) => name === 'sentiment_analysis');

function outputOf(result: NonNullable<DaskResult>, decide: (logits: number[]) => StepOutput): StepOutput {
  return 'logits' in result ? decide(result.logits) : result;
}

const cancelled = (steps: readonly Step[], executor: 'local' | 'dask'): BatchOutcome => ({
  status: 'cancelled',
  output: null,
  results: null,
  error: null,
  executor,
  executorReason: null,
  steps: steps.map(({ name }) => ({ name, status: 'skipped', duration_ms: null, error: null })),
});

/** Results and step timings of a batch: a step's duration is the sum over the inputs, null where Dask did the work. */
class Tally {
  done = 0;
  private readonly results: ItemResult[];
  private readonly durations: (number | null)[];
  private readonly failures: { count: number; first: string | null }[];
  private failed = 0;

  constructor(
    private readonly steps: readonly Step[],
    private readonly total: number,
  ) {
    this.results = new Array(total);
    this.durations = steps.map(() => null);
    this.failures = steps.map(() => ({ count: 0, first: null }));
  }

  add(index: number, { output, error, steps }: RunOutcome): void {
    this.done++;
    this.results[index] = { output, error };
    if (error !== null) this.failed++;
    for (const [i, step] of steps.entries()) {
      if (step.duration_ms !== null) this.durations[i] = (this.durations[i] ?? 0) + step.duration_ms;
      if (step.status !== 'failed') continue;
      this.failures[i]!.count++;
      this.failures[i]!.first ??= step.error;
    }
  }

  addOutput(index: number, output: StepOutput): void {
    this.done++;
    this.results[index] = { output, error: null };
  }

  outcome(): RunOutcome & { results: ItemResult[] } {
    const { total, failed, results } = this;
    const error = failed ? `${failed} of ${total} inputs failed` : null;
    return {
      status: failed === total ? 'failed' : 'completed',
      output: null,
      results,
      error,
      steps: this.stepResults(),
    };
  }

  private stepResults(): StepResult[] {
    return this.steps.map(({ name }, i) => {
      const { count, first } = this.failures[i]!;
      const error = count ? `${count} of ${this.total}: ${first}` : null;
      return {
        name,
        status: count === this.total ? 'failed' : 'completed',
        duration_ms: this.durations[i]!,
        error,
      };
    });
  }
}
