import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { AppError, invalidField } from '../../../common/errors.js';
import { Environment } from '../../../platform/config/environment.js';
import type { Availability, DeployedModel, ModelAnswer, ModelRuntime, PredictionRequest } from './runtime.js';

/** An optional peer, installed by whoever wants it: 474 MB. */
const LIBRARY = '@huggingface/transformers';

type Classifier = (text: string, options: { top_k: number }) => Promise<{ label: string; score: number }[]>;
interface Transformers {
  env: { allowRemoteModels: boolean; localModelPath: string };
  pipeline(task: 'text-classification', model: string): Promise<Classifier>;
}

/**
 * Text classification from a local directory of ONNX weights below `DATA_DIR/models`, run by the optional peer
 * @huggingface/transformers on threads of its own. Without the library or the weights a model is unavailable.
 */
@Injectable()
export class OnnxRuntime implements ModelRuntime {
  readonly kind = 'onnx';
  private readonly loaded = new Map<string, Promise<Classifier>>();

  constructor(private readonly environment: Environment) {}

  async check(model: DeployedModel): Promise<Availability> {
    const directory = this.directoryOf(model);
    if (!directory)
      return { status: 'unavailable', reason: 'there are no weights in config.path below DATA_DIR/models' };
    if (!(await this.library()))
      return { status: 'unavailable', reason: `the optional package ${LIBRARY} is not installed` };
    return { status: 'deployed' };
  }

  async predict(model: DeployedModel, { input }: PredictionRequest): Promise<ModelAnswer> {
    const text = typeof input === 'string' ? input : input.text;
    if (typeof text !== 'string' || !text.trim()) throw invalidField('input', 'text', 'input must be a text');
    const classify = await this.classifier(model);
    const ranked = await classify(text, { top_k: 10 });
    const best = ranked[0]!;
    const scores = Object.fromEntries(ranked.map(({ label, score }) => [label, score]));
    return { output: { label: best.label, confidence: best.score, scores }, version: model.version };
  }

  private async classifier(model: DeployedModel): Promise<Classifier> {
    const directory = this.directoryOf(model);
    const library = await this.library();
    if (!directory || !library)
      throw new AppError(503, 'MODEL_UNAVAILABLE', 'The model’s weights or its runtime are gone', {
        retryAfterSeconds: 60,
      });
    const known = this.loaded.get(directory);
    if (known) return known;
    library.env.allowRemoteModels = false;
    library.env.localModelPath = path.dirname(directory);
    const loading = library.pipeline('text-classification', path.basename(directory));
    this.loaded.set(directory, loading);
    loading.catch(() => this.loaded.delete(directory));
    return loading;
  }

  private async library(): Promise<Transformers | null> {
    try {
      return (await import(LIBRARY)) as unknown as Transformers;
    } catch {
      return null;
    }
  }

  /** Null unless it is a folder with weights, really below the models' folder. */
  private directoryOf(model: DeployedModel): string | null {
    const root = path.resolve(this.environment.DATA_DIR, 'models');
    const wanted = path.resolve(root, model.config.path ?? model.name);
    if (!existsSync(path.join(wanted, 'config.json'))) return null;
    return realpathSync(wanted).startsWith(realpathSync(root) + path.sep) ? wanted : null;
  }
}
