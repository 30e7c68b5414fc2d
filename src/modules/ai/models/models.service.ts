import { Injectable } from '@nestjs/common';
import { defined } from '../../../common/defined.js';
import { AppError, conflict, notFound, unavailable } from '../../../common/errors.js';
import { Database, violatedConstraint } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { type ForecastCard, LEXICON_CARD } from '../core/index.js';
import { ANOMALY_DETECTOR, BUILT_IN, LOAD_PREDICTOR, SENTIMENT } from '../forecasting/built-in-models.js';
import { ModelVersionsRepository, type VersionOf } from '../forecasting/model-versions.repository.js';
import { BuiltinRuntime } from './builtin.runtime.js';
import type { ModelDeployment } from './model-deployment.entity.js';
import { ModelPulls } from './model-pulls.js';
import {
  type DeployModelRequest,
  type ModelCard,
  ModelResponse,
  type UpdateModelRequest,
} from './models.dto.js';
import { ModelsRepository } from './models.repository.js';
import { OLLAMA_AWAY, OllamaRuntime } from './ollama.runtime.js';
import { OnnxRuntime } from './onnx/onnx.runtime.js';
import type { DeployedModel, ModelRuntime } from './runtime.js';

const LOOK_AGAIN_MS = 5000;

export interface ResolvedModel {
  runtime: ModelRuntime;
  model: DeployedModel;
}

type Served = VersionOf<ForecastCard & { samples?: number; accuracy?: number }>;

/** Models that answer: the built-in ones and what a tenant deployed. */
@Injectable()
export class ModelsService {
  private readonly runtimes: Record<ModelDeployment['runtime'], ModelRuntime>;

  constructor(
    private readonly database: Database,
    private readonly models: ModelsRepository,
    private readonly versions: ModelVersionsRepository,
    private readonly journal: Journal,
    private readonly pulls: ModelPulls,
    builtin: BuiltinRuntime,
    ollama: OllamaRuntime,
    onnx: OnnxRuntime,
  ) {
    this.runtimes = { builtin, ollama, onnx };
  }

  async list(tenantId: string): Promise<ModelResponse[]> {
    return this.database.tenant(tenantId, async (tx) => {
      const deployed = (await this.models.list(tx, tenantId)).map((row) => ModelResponse.from(row));
      const served = (await this.versions.list(tx, tenantId)) as Served[];
      return [...BUILT_IN.map((name) => builtIn(name, served)), ...deployed];
    });
  }

  /** By id or name. @throws AppError 404 */
  async get(tenantId: string, id: string): Promise<ModelResponse> {
    const found = (await this.list(tenantId)).find((m) => m.id === id || m.name === id);
    if (!found) throw notFound('Model', id);
    return found;
  }

  /** A model whose weights are nowhere is stored as `unavailable` with the reason; no other one answers for it. */
  async deploy(tenantId: string, request: DeployModelRequest): Promise<ModelResponse> {
    const { model_name: name, version = '1.0', config = {} } = request;
    if ((BUILT_IN as readonly string[]).includes(name))
      throw conflict('NAME_TAKEN', `'${name}' is a built-in model`);
    const kind = config.runtime ?? 'builtin';
    const model = { name, version, config };
    const available = await this.runtimes[kind].check({ ...model, tenant_id: tenantId });
    const state = { status: available.status, reason: reasonOf(available) };
    const row = await this.insert(tenantId, { ...model, runtime: kind, ...state });
    if (row.status === 'pulling') this.pulls.start(row);
    return ModelResponse.from(row);
  }

  async update(tenantId: string, id: string, change: UpdateModelRequest): Promise<ModelResponse> {
    const before = await this.deployed(tenantId, id);
    const config = { ...before.config, ...defined(change.config ?? {}) };
    const kind = config.runtime ?? 'builtin';
    if (kind !== before.runtime)
      throw conflict('RUNTIME_FIXED', 'A model keeps its runtime; deploy another one');
    const available = await this.runtimes[kind].check({
      tenant_id: tenantId,
      name: before.name,
      version: change.version ?? before.version,
      config,
    });
    const row = await this.database.tenant(tenantId, async (tx) => {
      const row = await this.models.update(tx, tenantId, before.id, {
        version: change.version,
        config,
        status: available.status,
        reason: reasonOf(available),
      });
      if (!row) throw notFound('Model', id);
      await this.journal.record(tx, {
        tenantId,
        action: 'ai.model_updated',
        message: `Model '${row.name}' changed`,
        object: { type: 'model', id: row.id, name: row.name },
      });
      return row;
    });
    if (row.status === 'pulling') this.pulls.start(row);
    return ModelResponse.from(row);
  }

  async undeploy(tenantId: string, id: string): Promise<string> {
    const model = await this.deployed(tenantId, id);
    await this.database.tenant(tenantId, async (tx) => {
      await this.models.delete(tx, tenantId, model.id);
      await this.journal.record(tx, {
        tenantId,
        action: 'ai.model_undeployed',
        message: `Model '${model.name}' undeployed`,
        object: { type: 'model', id: model.id, name: model.name },
      });
    });
    this.pulls.stop(model.id);
    return model.id;
  }

  /** What answers for this name. @throws AppError 404; MODEL_UNAVAILABLE with the reason, 503 while a server is away, else 409 */
  async resolve(tenantId: string, name: string): Promise<ResolvedModel> {
    if ((BUILT_IN as readonly string[]).includes(name))
      return { runtime: this.runtimes.builtin, model: { name, version: 'builtin', config: {} } };
    const row = await this.database.tenant(tenantId, (tx) => this.models.find(tx, tenantId, name));
    if (!row) throw notFound('Model', name);
    const { status, reason } = row.status === 'unavailable' ? await this.lookAgain(row) : row;
    if (status !== 'deployed') throw notDeployed(name, status, reason);
    return { runtime: this.runtimes[row.runtime], model: row };
  }

  /** What was away may be back: looked at when it is asked for, not more often than each few seconds. */
  private async lookAgain(row: ModelDeployment): Promise<Pick<ModelDeployment, 'status' | 'reason'>> {
    if (Date.now() - row.updated_at.getTime() < LOOK_AGAIN_MS) return row;
    const available = await this.runtimes[row.runtime].check(row);
    const state = { status: available.status, reason: reasonOf(available) };
    const after = await this.database.tenant(row.tenant_id, (tx) =>
      this.models.update(tx, row.tenant_id, row.id, state),
    );
    if (after?.status === 'pulling') this.pulls.start(after);
    return after ?? row;
  }

  private async deployed(tenantId: string, id: string): Promise<ModelDeployment> {
    const row = await this.database.tenant(tenantId, (tx) => this.models.find(tx, tenantId, id));
    if (row) return row;
    if ((BUILT_IN as readonly string[]).includes(id))
      throw conflict('BUILT_IN', `'${id}' is built in and stays as it is`);
    throw notFound('Model', id);
  }

  private async insert(
    tenantId: string,
    model: Parameters<ModelsRepository['insert']>[2],
  ): Promise<ModelDeployment> {
    try {
      return await this.database.tenant(tenantId, async (tx) => {
        const row = await this.models.insert(tx, tenantId, model);
        await this.journal.record(tx, {
          tenantId,
          action: 'ai.model_deployed',
          message: `Model '${row.name}' deployed: ${row.status}`,
          object: { type: 'model', id: row.id, name: row.name },
        });
        return row;
      });
    } catch (e) {
      if (violatedConstraint(e) !== null)
        throw conflict('NAME_TAKEN', `There is a model '${model.name}' already`);
      throw e;
    }
  }
}

/** A server that is away may be back at the next look. */
function notDeployed(name: string, status: string, reason: string | null): AppError {
  const message = `Model '${name}' is ${status}${reason ? `: ${reason}` : ''}`;
  return reason === OLLAMA_AWAY
    ? unavailable('MODEL_UNAVAILABLE', message, LOOK_AGAIN_MS / 1000)
    : new AppError(409, 'MODEL_UNAVAILABLE', message);
}

const reasonOf = (a: { status: string; reason?: string }): string | null => a.reason ?? null;

const CARDS: Record<(typeof BUILT_IN)[number], ModelCard> = {
  [LOAD_PREDICTOR]: {
    kind: 'forecaster',
    accuracy: null,
    measured_on: null,
    limits:
      'Needs 60 steps of traffic; weak where the past says little of the future. Serves the naive forecast when nothing beats it.',
  },
  [ANOMALY_DETECTOR]: {
    kind: 'streaming residual detector',
    accuracy: null,
    measured_on: null,
    limits: 'Learns 15 % of a series before it finds anything; rests after each finding.',
  },
  [SENTIMENT]: {
    kind: LEXICON_CARD.kind,
    accuracy: LEXICON_CARD.accuracy['IMDb reviews'],
    measured_on: 'IMDb review sentences, two classes',
    limits: LEXICON_CARD.limits,
  },
};

function builtIn(name: (typeof BUILT_IN)[number], versions: Served[]): ModelResponse {
  const served = versions.find((v) => v.model === name && v.pool_id === '' && v.served);
  return {
    id: name,
    name,
    version: served ? String(served.version) : '0',
    runtime: 'builtin',
    status: 'deployed',
    reason: null,
    progress: null,
    config: { runtime: 'builtin', base: name },
    card: served ? { ...CARDS[name], ...cardOf(served) } : CARDS[name],
    created_at: served?.created_at.toISOString() ?? null,
    updated_at: served?.created_at.toISOString() ?? null,
  };
}

function cardOf(served: Served): Pick<ModelCard, 'kind' | 'accuracy' | 'measured_on'> {
  const { card } = served;
  if (served.model === SENTIMENT)
    return {
      kind: 'logistic regression',
      accuracy: card.accuracy ?? null,
      measured_on: `${card.samples} held-out rows`,
    };
  return {
    kind: card.servedBy,
    accuracy: card.metrics.accuracy,
    measured_on: `${card.metrics.samples} held-out forecasts`,
  };
}
