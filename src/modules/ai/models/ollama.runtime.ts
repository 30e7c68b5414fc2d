import { Injectable } from '@nestjs/common';
import { Ollama } from 'ollama';
import { AppError, invalidField } from '../../../common/errors.js';
import { Environment } from '../../../platform/config/environment.js';
import type {
  Availability,
  DeployedModel,
  ModelAnswer,
  ModelRuntime,
  PredictionRequest,
  StructuredInput,
} from './runtime.js';

const CHECK_LIMIT_MS = 3000;

/** Models of an Ollama server. The client has no time limit of its own: every call gets a signal. */
@Injectable()
export class OllamaRuntime implements ModelRuntime {
  readonly kind = 'ollama';

  constructor(private readonly environment: Environment) {}

  async check(model: DeployedModel, onProgress?: (fraction: number) => void): Promise<Availability> {
    const name = nameOf(model);
    try {
      const { models } = await this.client(AbortSignal.timeout(CHECK_LIMIT_MS)).list();
      if (models.some((m) => m.name === name || m.name === `${name}:latest`)) return { status: 'deployed' };
    } catch {
      return { status: 'unavailable', reason: 'the Ollama server does not answer' };
    }
    if (!model.config.pull || !onProgress)
      return { status: 'unavailable', reason: `Ollama has no model '${name}'; set config.pull to fetch it` };
    return this.pull(name, onProgress);
  }

  async predict(model: DeployedModel, { input, signal }: PredictionRequest): Promise<ModelAnswer> {
    const wanted: StructuredInput = typeof input === 'string' ? { prompt: input } : input;
    const client = this.client(signal);
    const name = nameOf(model);
    try {
      if (wanted.task === 'embed') {
        const { embeddings } = await client.embed({ model: name, input: textOf(wanted) });
        return { output: { embedding: embeddings[0] ?? [] }, version: model.version };
      }
      if (wanted.task === 'chat' || wanted.messages) {
        const { message } = await client.chat({
          model: name,
          messages: wanted.messages ?? [{ role: 'user', content: textOf(wanted) }],
        });
        return { output: { text: message.content }, version: model.version };
      }
      const { response } = await client.generate({ model: name, prompt: textOf(wanted) });
      return { output: { text: response }, version: model.version };
    } catch (e) {
      throw asAppError(e, name);
    }
  }

  private async pull(name: string, onProgress: (fraction: number) => void): Promise<Availability> {
    try {
      const stream = await new Ollama({ host: this.environment.OLLAMA_URL }).pull({
        model: name,
        stream: true,
      });
      for await (const part of stream) if (part.total) onProgress((part.completed ?? 0) / part.total);
      return { status: 'deployed' };
    } catch (e) {
      return { status: 'unavailable', reason: `the model could not be pulled: ${(e as Error).message}` };
    }
  }

  private client(signal: AbortSignal): Ollama {
    return new Ollama({
      host: this.environment.OLLAMA_URL,
      fetch: (url, init) =>
        fetch(url, { ...init, signal: init?.signal ? AbortSignal.any([signal, init.signal]) : signal }),
    });
  }
}

const nameOf = (model: DeployedModel): string => model.config.model ?? model.config.base ?? model.name;

function textOf(input: StructuredInput): string {
  const text = input.prompt ?? input.text;
  if (typeof text !== 'string' || !text.trim()) throw invalidField('input', 'text', 'input must be a text');
  return text;
}

/** 404 is an unknown model, 503 a full queue; a refused connection is `TypeError: fetch failed`. */
function asAppError(error: unknown, name: string): unknown {
  if (
    error instanceof AppError ||
    (error as Error).name === 'AbortError' ||
    (error as Error).name === 'TimeoutError'
  )
    return error;
  const status = (error as { status_code?: number }).status_code;
  if (status === 404) return new AppError(409, 'MODEL_UNAVAILABLE', `Ollama has no model '${name}' any more`);
  const message = status === 503 ? 'Ollama has too many requests' : 'The Ollama server does not answer';
  return new AppError(503, 'MODEL_UNAVAILABLE', message, { retryAfterSeconds: 5, cause: error });
}
