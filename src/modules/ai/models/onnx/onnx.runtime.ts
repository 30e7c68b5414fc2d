import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AppError, invalidField } from '../../../../common/errors.js';
import { Environment } from '../../../../platform/config/environment.js';
import type {
  Availability,
  DeployedModel,
  ModelAnswer,
  ModelRuntime,
  PredictionRequest,
} from '../runtime.js';
import { findModel, ModelRefused } from './model-directory.js';
import { OnnxPool } from './onnx-pool.js';

/** A core stays for the event loop. */
const MAX_THREADS = Math.max(1, availableParallelism() - 1);

/**
 * Text classification from a local directory below `DATA_DIR/models` (see model-directory.ts for its files), computed
 * by ONNX Runtime's WebAssembly build in worker threads: it needs no native binary and no download at installation, a
 * model that crashes ends its thread and not the server, and one that takes too long can be stopped.
 */
@Injectable()
export class OnnxRuntime implements ModelRuntime, OnModuleDestroy {
  readonly kind = 'onnx';
  private readonly pools = new Map<string, OnnxPool>();

  constructor(private readonly environment: Environment) {}

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.stop()));
  }

  /** Loads the model and lets it answer once: a wrong file shows here and not at the first prediction. */
  async check(model: DeployedModel): Promise<Availability> {
    try {
      await (await this.pool(model)).prepare();
      return { status: 'deployed' };
    } catch (e) {
      if (e instanceof ModelRefused) return { status: 'unavailable', reason: e.message };
      throw e;
    }
  }

  async predict(model: DeployedModel, { input, signal }: PredictionRequest): Promise<ModelAnswer> {
    const text = typeof input === 'string' ? input : input.text;
    if (typeof text !== 'string' || !text.trim()) throw invalidField('input', 'text', 'input must be a text');
    const scores = await this.classify(model, text, signal);
    const [label, confidence] = Object.entries(scores).reduce((a, b) => (b[1] > a[1] ? b : a));
    return { output: { label, confidence, scores }, version: model.version };
  }

  private async classify(model: DeployedModel, text: string, signal: AbortSignal) {
    try {
      return await (await this.pool(model)).classify(text, signal);
    } catch (e) {
      if (signal.aborted) throw e;
      const code = e instanceof ModelRefused ? 'MODEL_UNAVAILABLE' : 'MODEL_FAILED';
      const message = `The model '${model.name}' cannot answer: ${(e as Error).message}`;
      throw new AppError(503, code, message, { retryAfterSeconds: 60, cause: e });
    }
  }

  /** Replaced weights get a new pool; the old one's threads end by themselves. */
  private async pool(model: DeployedModel): Promise<OnnxPool> {
    const root = path.resolve(this.environment.DATA_DIR, 'models');
    const name = model.config.path ?? model.name;
    const files = await findModel(root, name, model.tenant_id);
    const size = Math.min(MAX_THREADS, model.config.max_instances ?? 1);
    const key = `${files.weights} ${files.revision} ${size}`;
    const known = this.pools.get(key);
    if (known) return known;
    const made = new OnnxPool(files, size, () => this.pools.delete(key));
    this.pools.set(key, made);
    return made;
  }
}
