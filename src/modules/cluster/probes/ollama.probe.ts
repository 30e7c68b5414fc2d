import { fetchJson } from './fetch-text.js';
import { ServiceProbe } from './service-probe.js';

interface OllamaModel {
  readonly name: string;
  readonly sizeBytes: number | null;
}

interface LoadedOllamaModel extends OllamaModel {
  /** The part of it in GPU memory. */
  readonly vramBytes: number | null;
  /** When it is unloaded, as Ollama writes it. */
  readonly expiresAt: string | null;
}

export interface OllamaFigures {
  /** What can be asked for. */
  readonly models: readonly OllamaModel[];
  /** What is in memory now. */
  readonly loaded: readonly LoadedOllamaModel[];
}

interface ModelEntry {
  readonly name?: unknown;
  readonly size?: unknown;
  readonly size_vram?: unknown;
  readonly expires_at?: unknown;
}

/** Ollama by its `/api/tags` and `/api/ps` (https://docs.ollama.com/api). */
export class OllamaProbe extends ServiceProbe<OllamaFigures> {
  constructor(
    private readonly baseUrl: string,
    timeLimitMs?: number,
  ) {
    super({ models: [], loaded: [] }, timeLimitMs);
  }

  protected async measure(signal: AbortSignal): Promise<OllamaFigures> {
    const [models, loaded] = await Promise.all([this.list('api/tags', signal), this.list('api/ps', signal)]);
    return { models: models.map(toModel), loaded: loaded.map(toLoadedModel) };
  }

  private async list(path: string, signal: AbortSignal): Promise<(ModelEntry & { name: string })[]> {
    const { models } = ((await fetchJson(this.baseUrl, path, signal)) ?? {}) as { models?: unknown };
    if (!Array.isArray(models)) throw new Error(`${path} has no list of models`);
    return models.filter((entry) => typeof entry?.name === 'string');
  }
}

function toModel(entry: ModelEntry & { name: string }): OllamaModel {
  return { name: entry.name, sizeBytes: numberOrNull(entry.size) };
}

function toLoadedModel(entry: ModelEntry & { name: string }): LoadedOllamaModel {
  return {
    ...toModel(entry),
    vramBytes: numberOrNull(entry.size_vram),
    expiresAt: typeof entry.expires_at === 'string' ? entry.expires_at : null,
  };
}

const numberOrNull = (value: unknown) => (typeof value === 'number' ? value : null);
