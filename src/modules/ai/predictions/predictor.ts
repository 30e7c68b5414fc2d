import { Injectable } from '@nestjs/common';
import PQueue from 'p-queue';
import { durationMs } from '../../../common/durations.js';
import { AppError, unavailable } from '../../../common/errors.js';
import { type AiConfig, AiConfigService } from '../config/ai-config.service.js';
import { ModelsService, type ResolvedModel } from '../models/models.service.js';
import type { ModelAnswer, ModelOutput, PredictionInput } from '../models/runtime.js';

export interface Predicted extends ModelAnswer {
  latencyMs: number;
}

const MAX_WAITING = 200;
const DEFAULT_INSTANCES = 4;

const busy = () => unavailable('TOO_BUSY', 'Too many predictions wait already', 2);

/** The wait for a place: ends with 503 after the limit, or with the caller's reason, unless the turn came before. */
class Turn {
  private readonly waiting = new AbortController();
  private hasCome = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    limitMs: number,
    private readonly outer?: AbortSignal,
  ) {
    outer?.throwIfAborted();
    this.timer = setTimeout(() => this.waiting.abort(busy()), limitMs);
    outer?.addEventListener('abort', this.giveUp, { once: true });
  }

  get signal(): AbortSignal {
    return this.waiting.signal;
  }

  came(): void {
    this.hasCome = true;
    this.leave();
  }

  private readonly giveUp = (): void => {
    this.leave();
    if (!this.hasCome) this.waiting.abort(this.outer!.reason);
  };

  private leave(): void {
    clearTimeout(this.timer);
    this.outer?.removeEventListener('abort', this.giveUp);
  }
}

/** Below the threshold a label is no answer: it becomes `uncertain`, the scores stay. */
export const withThreshold = (output: ModelOutput, threshold: number): ModelOutput =>
  output.label !== undefined && output.confidence !== undefined && output.confidence < threshold
    ? { ...output, label: 'uncertain' }
    : output;

/**
 * Runs predictions within a model's instances, a tenant's concurrency and the time limit. The limits hold on each node;
 * waiting takes at most as long as one prediction may.
 */
@Injectable()
export class Predictor {
  private readonly queues = new Map<string, PQueue>();

  constructor(
    private readonly models: ModelsService,
    private readonly config: AiConfigService,
  ) {}

  resolve(tenantId: string, name: string): Promise<ResolvedModel> {
    return this.models.resolve(tenantId, name);
  }

  /** @throws AppError 503 TOO_BUSY or PREDICTION_TIMEOUT, and what the model's runtime throws */
  async predict(
    tenantId: string,
    resolved: ResolvedModel,
    input: PredictionInput,
    threshold?: number,
    outer?: AbortSignal,
  ): Promise<Predicted> {
    const config = await this.config.get(tenantId);
    if (!config.enabled) throw new AppError(409, 'AI_DISABLED', 'AI is switched off for this tenant');
    const perTenant = this.queue(`tenant ${tenantId}`, config.models.max_concurrent);
    const perModel = this.queue(
      `model ${tenantId} ${resolved.model.name}`,
      resolved.model.config.max_instances ?? DEFAULT_INSTANCES,
    );
    if (perTenant.size + perModel.size >= MAX_WAITING) throw busy();
    const limitMs = durationMs(resolved.model.config.timeout ?? config.models.default_timeout);
    const turn = new Turn(limitMs, outer);
    const run = () => {
      turn.came();
      return this.run(tenantId, resolved, input, config, outer);
    };
    const { signal } = turn;
    // the model's place first: what waits for a slow model does not keep the tenant's other models waiting
    const answer = (await perModel.add(() => perTenant.add(run, { signal }), { signal })) as Predicted;
    return { ...answer, output: withThreshold(answer.output, threshold ?? config.confidence_threshold) };
  }

  private async run(
    tenantId: string,
    { runtime, model }: ResolvedModel,
    input: PredictionInput,
    config: AiConfig,
    outer?: AbortSignal,
  ): Promise<Predicted> {
    const limit = model.config.timeout ?? config.models.default_timeout;
    const timeout = AbortSignal.timeout(durationMs(limit));
    const signal = outer ? AbortSignal.any([outer, timeout]) : timeout;
    const started = performance.now();
    const aborted = new Promise<never>((_, no) =>
      signal.addEventListener('abort', () => no(signal.reason), { once: true }),
    );
    aborted.catch(() => undefined);
    try {
      const answer = await Promise.race([
        runtime.predict(model, { tenantId, input, config, signal }),
        aborted,
      ]);
      return { ...answer, latencyMs: performance.now() - started };
    } catch (e) {
      if (timeout.aborted)
        throw unavailable(
          'PREDICTION_TIMEOUT',
          `The model '${model.name}' did not answer within ${limit}`,
          5,
        );
      throw e;
    }
  }

  private queue(key: string, concurrency: number): PQueue {
    let queue = this.queues.get(key);
    if (!queue) {
      const made = new PQueue({ concurrency });
      made.on('idle', () => this.queues.delete(key));
      this.queues.set(key, made);
      queue = made;
    }
    // setting it makes an empty queue say `idle`, which would take it out of the map before its first task
    if (queue.concurrency !== concurrency) queue.concurrency = concurrency;
    return queue;
  }
}
