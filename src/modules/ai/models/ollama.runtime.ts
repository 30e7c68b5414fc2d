import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Ollama, type ProgressResponse } from 'ollama';
import { Agent, fetch } from 'undici';
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

/** Why a model is unavailable that may be there when the server is back. */
export const OLLAMA_AWAY = 'the Ollama server does not answer';

const CHECK_LIMIT_MS = 3000;
/** A server that takes no connection for this long is away. */
const CONNECT_LIMIT_MS = 2500;
/** A pull that reports nothing for this long has broken off. */
const PULL_SILENCE_MS = 60_000;

/**
 * Models of an Ollama server (https://github.com/ollama/ollama/blob/main/docs/api.md). The client has no time limit
 * of its own: every call gets a signal.
 */
@Injectable()
export class OllamaRuntime implements ModelRuntime, OnModuleDestroy {
  readonly kind = 'ollama';
  /** The signals keep the time: an answer may take as long as the model's own limit. */
  private readonly agent = new Agent({
    connect: { timeout: CONNECT_LIMIT_MS },
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  constructor(private readonly environment: Environment) {}

  async onModuleDestroy(): Promise<void> {
    await this.agent.destroy();
  }

  async check(model: DeployedModel): Promise<Availability> {
    const name = nameOf(model);
    try {
      const { models } = await this.client(AbortSignal.timeout(CHECK_LIMIT_MS)).list();
      if (models.some((m) => m.name === name || m.name === `${name}:latest`)) return { status: 'deployed' };
    } catch {
      return { status: 'unavailable', reason: OLLAMA_AWAY };
    }
    if (model.config.pull) return { status: 'pulling' };
    return { status: 'unavailable', reason: `Ollama has no model '${name}'; set config.pull to fetch it` };
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

  /**
   * Makes Ollama fetch the model. Fetching goes on where an earlier pull ended.
   * @param onProgress told of each report: the share of the bytes known so far, 0 to 1
   */
  async pull(
    model: DeployedModel,
    signal: AbortSignal,
    onProgress: (fraction: number) => void,
  ): Promise<Availability> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), PULL_SILENCE_MS);
    try {
      const client = this.client(AbortSignal.any([signal, silence.signal]));
      const layers = new Map<string, ProgressResponse>();
      for await (const part of await client.pull({ model: nameOf(model), stream: true })) {
        timer.refresh();
        if (part.digest) layers.set(part.digest, part);
        onProgress(share([...layers.values()]));
      }
      return { status: 'deployed' };
    } catch (e) {
      const why = silence.signal.aborted ? 'Ollama fell silent' : (e as Error).message;
      return { status: 'unavailable', reason: `the model could not be pulled: ${why}` };
    } finally {
      clearTimeout(timer);
    }
  }

  private client(signal: AbortSignal): Ollama {
    return new Ollama({
      host: this.environment.OLLAMA_URL,
      fetch: ((url: string, init?: RequestInit) =>
        fetch(url, {
          ...(init as object),
          dispatcher: this.agent,
          signal: init?.signal ? AbortSignal.any([signal, init.signal]) : signal,
        })) as unknown as typeof globalThis.fetch,
    });
  }
}

/** Of the bytes of all layers that were announced. */
function share(layers: readonly ProgressResponse[]): number {
  const total = layers.reduce((sum, layer) => sum + (layer.total ?? 0), 0);
  return total === 0 ? 0 : layers.reduce((sum, layer) => sum + (layer.completed ?? 0), 0) / total;
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
