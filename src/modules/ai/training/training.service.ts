import { Injectable } from '@nestjs/common';
import { durationMs } from '../../../common/durations.js';
import { AppError, invalidField, notFound } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { UsageMeter } from '../../billing/index.js';
import { PoolsReadModel } from '../../pools/index.js';
import type { AiConfig } from '../config/ai-config.service.js';
import type { StartTrainingRequest, Trainable, TrainingNews, TrainingStatus } from './training.dto.js';
import { TrainingResponse } from './training.dto.js';
import { TrainingRepository } from './training.repository.js';
import type { TrainingRun } from './training-run.entity.js';
import { TrainingRunner } from './training-runner.js';

/** Runs of one tenant that wait or run at the same time; further ones are refused. */
const MAX_OPEN = 20;

/** One name a model: the documents know the sentiment model by three. */
const modelOf = (modelType: Trainable): 'load_predictor' | 'sentiment' =>
  modelType === 'load_predictor' ? 'load_predictor' : 'sentiment';
const SENTIMENT_NAMES = ['sentiment', 'sentiment-analysis', 'nlp'];
const namesOf = (modelType: string): string[] =>
  SENTIMENT_NAMES.includes(modelType) ? SENTIMENT_NAMES : [modelType];

/** Data that the training would leave out silently is refused. */
function requireUse(
  model: ReturnType<typeof modelOf>,
  { series, rows, pool }: Pick<StartTrainingRequest, 'series' | 'rows' | 'pool'>,
): void {
  const refuse = (field: string, why: string) => invalidField(field, 'unused', `${field}: ${why}`);
  if (model === 'load_predictor' && rows) throw refuse('rows', 'the load predictor learns a series');
  if (model === 'sentiment' && series) throw refuse('series', 'the sentiment model learns rows');
  if (model === 'sentiment' && pool) throw refuse('pool', 'the sentiment model learns rows');
  if (series && pool)
    throw refuse('series', "a pool's model learns the pool's traffic; leave one of the two out");
}

/** Training on demand. The row is the job: it is taken by any node with a free thread. */
@Injectable()
export class TrainingService {
  constructor(
    private readonly database: Database,
    private readonly runs: TrainingRepository,
    private readonly runner: TrainingRunner,
    private readonly pools: PoolsReadModel,
    private readonly journal: Journal,
    private readonly channels: Channels,
    private readonly meter: UsageMeter,
  ) {}

  /** @throws AppError 409 TOO_MANY_TRAININGS, 422 for an unknown pool and for data that this model does not learn */
  async start(
    tenantId: string,
    modelType: Trainable,
    request: StartTrainingRequest,
    trigger = 'request',
  ): Promise<TrainingRun> {
    requireUse(modelOf(modelType), request);
    return this.database.tenant(tenantId, async (tx) => {
      const poolId = request.pool ? await this.poolId(tx, tenantId, request.pool) : null;
      const { series, rows } = request;
      return this.enqueue(tx, tenantId, modelType, {
        poolId,
        epochs: request.epochs,
        data: series || rows ? { series, rows } : null,
        trigger,
      });
    });
  }

  /** Starts what retraining means: the tenant's model and, when full, one for each pool. */
  async retrain(
    tenantId: string,
    modelType: Trainable,
    full: boolean,
    epochs?: number,
  ): Promise<TrainingRun[]> {
    return this.database.tenant(tenantId, async (tx) => {
      const started = [await this.enqueue(tx, tenantId, modelType, { epochs, trigger: 'retrain' })];
      if (!full || modelOf(modelType) !== 'load_predictor') return started;
      for (const pool of await this.pools.find(tx, tenantId, {}, { limit: MAX_OPEN - 1, offset: 0 }))
        started.push(
          await this.enqueue(tx, tenantId, modelType, { poolId: pool.id, epochs, trigger: 'retrain' }),
        );
      return started;
    });
  }

  /** Stops waiting and running ones, by kind or all, within a second. @returns the ids */
  async stop(
    tenantId: string,
    modelType: Trainable | undefined,
    id: string | null = null,
  ): Promise<string[]> {
    return this.database.tenant(tenantId, async (tx) => {
      const ids = await this.runs.requestStop(tx, tenantId, modelType ? namesOf(modelType) : null, id);
      await this.runner.announceStop(tx, ids);
      for (const stopped of ids)
        await this.journal.record(tx, {
          tenantId,
          action: 'ai.training_stopped',
          message: `Training ${stopped} stopped`,
          object: { type: 'training', id: stopped },
        });
      return ids;
    });
  }

  /** @param modelType any name of the model */
  list(
    tenantId: string,
    request: PageRequest,
    status?: TrainingStatus,
    modelType?: string,
  ): Promise<Page<TrainingResponse>> {
    const names = modelType === undefined ? undefined : namesOf(modelType);
    return this.database.tenant(tenantId, async (tx) => {
      const page = await this.runs.page(tx, tenantId, request, status, names);
      return page.map((row) => TrainingResponse.from(row));
    });
  }

  async get(tenantId: string, id: string): Promise<TrainingResponse> {
    const row = await this.database.tenant(tenantId, (tx) => this.runs.get(tx, tenantId, id));
    if (!row) throw notFound('Training', id);
    return TrainingResponse.from(row);
  }

  /** Starts training the load predictor of a tenant, or of a pool, when the last time is too long ago and none is open. */
  async trainIfDue(
    tx: Transaction,
    tenantId: string,
    poolId: string | null,
    config: AiConfig,
  ): Promise<void> {
    const last = await this.runs.lastFinished(tx, tenantId, 'load_predictor', poolId);
    const isDue = !last || Date.now() - last.getTime() > durationMs(config.training.retrain_interval);
    if (isDue && (await this.runs.countOpen(tx, tenantId)) === 0)
      await this.enqueue(tx, tenantId, 'load_predictor', { poolId, trigger: 'schedule' });
  }

  async enqueue(
    tx: Transaction,
    tenantId: string,
    modelType: Trainable,
    run: { poolId?: string | null; epochs?: number; data?: object | null; trigger: string },
  ): Promise<TrainingRun> {
    if ((await this.runs.countOpen(tx, tenantId)) >= MAX_OPEN)
      throw new AppError(
        409,
        'TOO_MANY_TRAININGS',
        `${MAX_OPEN} trainings of this tenant wait or run already`,
      );
    const row = await this.runs.insert(tx, {
      tenant_id: tenantId,
      model_type: modelType,
      pool_id: run.poolId ?? null,
      trigger: run.trigger,
      params: run.epochs === undefined ? {} : { epochs: run.epochs },
      data: run.data ?? null,
    });
    // the plan's AI jobs are what somebody asks for; the daily routine is the program's own
    if (run.trigger !== 'schedule') await this.meter.record(tx, tenantId, 'ai_jobs', 1, row.id);
    const { id, status, progress, stage } = TrainingResponse.from(row);
    const news: TrainingNews = { training: { id, status, model_type: modelType, progress, stage } };
    await this.channels.publish(tx, 'ai', tenantId, news, 'ai_training');
    await this.runner.wake(tx);
    return row;
  }

  private async poolId(tx: Transaction, tenantId: string, name: string): Promise<string> {
    // ordered by name: the name itself is the first that begins with it
    const [pool] = await this.pools.find(tx, tenantId, { namePrefix: name }, { limit: 1, offset: 0 });
    if (pool?.name !== name) throw invalidField('pool', 'exists', `There is no pool '${name}'`);
    return pool.id;
  }
}
