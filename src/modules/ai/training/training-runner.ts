import os from 'node:os';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database, Notifications, type Transaction } from '../../../platform/database/index.js';
import { type JobControl, WorkQueue } from '../../../platform/jobs/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { type AiConfig, AiConfigService } from '../config/ai-config.service.js';
import type {
  ForecastModel,
  LogisticSentimentModel,
  TrainedModel,
  TrainingInfo,
  TrainingJob,
} from '../core/index.js';
import { LOAD_PREDICTOR, SENTIMENT } from '../forecasting/built-in-models.js';
import { GIVEN_SERIES, ModelVersionsRepository } from '../forecasting/model-versions.repository.js';
import { TrafficSeries } from '../forecasting/traffic-series.js';
import { forecastMetrics, type TrainingMetrics, type TrainingNews } from './training.dto.js';
import { TrainingRepository } from './training.repository.js';
import type { TrainingRun } from './training-run.entity.js';
import { TrainingThread } from './training-thread.js';

const STOP = 'ai.training.stop';
const LEASE_SECONDS = 20;
const MAX_ATTEMPTS = 3;
const REPORT_MS = 500;

/** Least served first: one tenant's long line does not make another wait. */
const FAIR = `(SELECT count(*) FROM ai_training_runs o WHERE o.tenant_id = ai_training_runs.tenant_id
  AND (o.status = 'running' OR o.finished_at > clock_timestamp() - interval '10 minutes')), available_at`;

/**
 * Trains in worker threads, on at most all cores but one. A run whose node died is taken up by another one from its
 * beginning; after three tries it fails with the reason.
 */
@Injectable()
export class TrainingRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly queue: WorkQueue<TrainingRun>;
  private readonly threads = new Map<string, TrainingThread>();

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly runs: TrainingRepository,
    private readonly versions: ModelVersionsRepository,
    private readonly series: TrafficSeries,
    private readonly config: AiConfigService,
    private readonly channels: Channels,
  ) {
    this.queue = new WorkQueue<TrainingRun>(database, notifications, {
      table: 'ai_training_runs',
      concurrency: Math.max(1, os.availableParallelism() - 1),
      leaseSeconds: LEASE_SECONDS,
      maxAttempts: MAX_ATTEMPTS,
      orderBy: FAIR,
      handle: (row, job) => this.train(row, job),
      onDead: (tx, row, error) =>
        this.runs.end(tx, row.id, {
          status: 'failed',
          error: `given up after ${MAX_ATTEMPTS} tries: ${error.message}`,
        }),
    });
  }

  onApplicationBootstrap(): void {
    this.notifications.on<{ ids: string[] }>(STOP, ({ ids }) => {
      for (const id of ids) this.threads.get(id)?.stop();
    });
    this.queue.start();
  }

  onModuleDestroy(): Promise<void> {
    for (const thread of this.threads.values()) thread.stop();
    return this.queue.stop();
  }

  wake(tx: Transaction): Promise<void> {
    return this.queue.wake(tx);
  }

  /** Tells the nodes that train these to stop. */
  async announceStop(tx: Transaction, ids: string[]): Promise<void> {
    if (ids.length) await this.notifications.publish(tx, STOP, { ids });
  }

  private async train(row: TrainingRun, job: JobControl): Promise<void> {
    // a node that is killed counts no failure: without this a training that takes its node down would do so for ever
    if (row.attempts > MAX_ATTEMPTS) throw new Error('its node stopped each time while it ran');
    const config = await this.config.get(row.tenant_id);
    const { work, isGiven } = await this.database.tenant(row.tenant_id, async (tx) => {
      if (!(await this.runs.begin(tx, row.id))) throw new Error('stopped before it began');
      const data = await this.runs.data(tx, row.id);
      return { work: await this.jobOf(tx, row, data, config), isGiven: Boolean(data?.series) };
    });
    const thread = new TrainingThread(work, this.reporter(row));
    this.threads.set(row.id, thread);
    job.signal.addEventListener('abort', () => thread.stop());
    try {
      // a stop that came before the thread was known
      const now = await this.database.tenant(row.tenant_id, (tx) => this.runs.get(tx, row.tenant_id, row.id));
      if (now?.stop_requested) thread.stop();
      const outcome = await thread.outcome;
      if (outcome.status === 'stopped' && job.signal.aborted) throw job.signal.reason;
      if (outcome.status === 'failed' && outcome.code === 'INTERNAL') throw new Error(outcome.message);
      await job.finish(async (tx) => {
        if (outcome.status === 'completed') await this.keep(tx, row, outcome.model, isGiven, config);
        else
          await this.runs.end(tx, row.id, {
            status: outcome.status,
            error: outcome.status === 'failed' ? outcome.message : null,
          });
        await this.channels.changed(tx, 'ai', row.tenant_id);
      });
    } finally {
      this.threads.delete(row.id);
    }
  }

  private async jobOf(
    tx: Transaction,
    row: TrainingRun,
    data: TrainingRun['data'],
    config: AiConfig,
  ): Promise<TrainingJob> {
    const { epochs } = row.params;
    if (row.model_type !== LOAD_PREDICTOR)
      return {
        kind: 'sentiment',
        rows: (data?.rows ?? []) as never,
        options: epochs === undefined ? {} : { epochs },
      };
    const of = { tenantId: row.tenant_id, ...(row.pool_id && { poolId: row.pool_id }) };
    const series = data?.series
      ? data.series.map((p) => ({ timestamp: Date.parse(p.timestamp), value: p.value }))
      : await this.series.load(tx, of, config.forecast.step, Date.now());
    return {
      kind: 'forecast',
      series,
      options: {
        modelType: config.model_type,
        learningRate: config.learning_rate,
        ...(epochs !== undefined && { epochs }),
      },
    };
  }

  /**
   * Stores the new version and serves it, unless the one that is served was better against the naive forecast. A model
   * of a given series stands beside the traffic's and is served at once: two series' figures cannot be compared.
   */
  private async keep(
    tx: Transaction,
    row: TrainingRun,
    model: TrainedModel,
    isGiven: boolean,
    config: AiConfig,
  ): Promise<void> {
    const name = row.model_type === LOAD_PREDICTOR ? LOAD_PREDICTOR : SENTIMENT;
    const poolId = isGiven ? GIVEN_SERIES : (row.pool_id ?? '');
    const serve =
      name === SENTIMENT ||
      isGiven ||
      (await this.isBetter(tx, row.tenant_id, poolId, model as ForecastModel));
    const version = await this.versions.add(tx, row.tenant_id, {
      model: name,
      poolId,
      data: model,
      card: model.card,
      trainingId: row.id,
      serve,
    });
    await this.versions.prune(tx, row.tenant_id, name, poolId, config.training.keep_versions);
    await this.runs.end(tx, row.id, {
      status: 'completed',
      metrics: metricsOf(model),
      modelVersion: version,
    });
  }

  private async isBetter(
    tx: Transaction,
    tenantId: string,
    poolId: string,
    model: ForecastModel,
  ): Promise<boolean> {
    const served = await this.versions.servedCard<ForecastModel['card']>(
      tx,
      tenantId,
      LOAD_PREDICTOR,
      poolId,
    );
    const [old, fresh] = [served?.card.metrics.skill, model.card.metrics.skill];
    // a series that changed makes old figures moot: after a day the new version is served in any case
    const aged = served ? Date.now() - served.created_at.getTime() > 86_400_000 : true;
    return (
      aged ||
      old === null ||
      old === undefined ||
      (fresh !== null && fresh >= old - 0.02) ||
      model.modelType !== 'auto'
    );
  }

  private reporter(row: TrainingRun): (fraction: number, info: TrainingInfo) => void {
    let last = 0;
    return (fraction, info) => {
      const now = performance.now();
      if (now - last < REPORT_MS) return;
      last = now;
      const percent = Math.min(99, fraction * 100);
      void this.database
        .tenant(row.tenant_id, async (tx) => {
          await this.runs.progress(tx, row.id, percent, info);
          const news: TrainingNews = {
            training: {
              id: row.id,
              status: 'running',
              model_type: row.model_type,
              progress: Math.round(percent * 10) / 10,
              stage: info.stage,
            },
          };
          await this.channels.publish(tx, 'ai', row.tenant_id, news, 'ai_training');
        })
        .catch(() => undefined);
    };
  }
}

function metricsOf(model: TrainedModel): TrainingMetrics {
  if (model.kind === 'forecast') return forecastMetrics(model.card.metrics, model.card.servedBy);
  return sentimentMetrics(model);
}

function sentimentMetrics(model: LogisticSentimentModel): TrainingMetrics {
  const { accuracy, baseline_accuracy, samples } = model.card;
  return { accuracy, baseline_accuracy, samples, served_by: 'logistic_regression' };
}
