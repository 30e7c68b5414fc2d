import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { invalidField } from '../../../common/errors.js';
import { Database } from '../../../platform/database/index.js';
import { PoolsReadModel } from '../../pools/index.js';
import {
  ContextualDetector,
  InvalidInputError,
  LEXICON_CARD,
  LexiconSentiment,
  LogisticSentiment,
  type LogisticSentimentModel,
  MAX_HORIZON,
  ResidualDetector,
  type SentimentModel,
} from '../core/index.js';
import { ANOMALY_DETECTOR, BUILT_IN, LOAD_PREDICTOR, SENTIMENT } from '../forecasting/built-in-models.js';
import { ForecastsService } from '../forecasting/forecasts.service.js';
import { ModelVersionsRepository } from '../forecasting/model-versions.repository.js';
import type { Availability, DeployedModel, ModelAnswer, ModelRuntime, PredictionRequest } from './runtime.js';

/** Points that are judged before others get their turn: some ten milliseconds of the accurate detector. */
const POINTS_A_TURN = 64;

/** A trained classifier, as data and ready to be asked. */
export interface TrainedSentiment {
  data: LogisticSentimentModel;
  version: number;
  classifier: LogisticSentiment;
}

/** The models that come with the program. */
@Injectable()
export class BuiltinRuntime implements ModelRuntime {
  readonly kind = 'builtin';
  private lexicon?: LexiconSentiment;
  /** Trained classifiers by version id: weights are read from the database once. */
  private readonly trained = new Map<string, TrainedSentiment>();

  constructor(
    private readonly database: Database,
    private readonly forecasts: ForecastsService,
    private readonly versions: ModelVersionsRepository,
    private readonly pools: PoolsReadModel,
  ) {}

  async check(model: DeployedModel): Promise<Availability> {
    const base = baseOf(model);
    if ((BUILT_IN as readonly string[]).includes(base)) return { status: 'deployed' };
    return {
      status: 'unavailable',
      reason: `there is no built-in model '${base}'; name one in config.base, or another runtime`,
    };
  }

  async predict(model: DeployedModel, request: PredictionRequest): Promise<ModelAnswer> {
    try {
      const base = baseOf(model);
      if (base === LOAD_PREDICTOR) return await this.forecast(request);
      if (base === ANOMALY_DETECTOR) return await this.anomalies(request);
      return await this.sentiment(request);
    } catch (e) {
      if (e instanceof InvalidInputError) throw invalidField('input', 'input', e.message);
      throw e;
    }
  }

  /** Whether a model that needs nothing but this process gives its known answer (tens of microseconds). */
  answers(): boolean {
    return this.lexiconModel().predict('This is a great product!').label === 'positive';
  }

  private async sentiment({ tenantId, input }: PredictionRequest): Promise<ModelAnswer> {
    const text = typeof input === 'string' ? input : input.text;
    if (typeof text !== 'string' || !text.trim()) throw invalidField('input', 'text', 'input must be a text');
    const trained = await this.trainedSentiment(tenantId);
    const model: SentimentModel = trained?.classifier ?? this.lexiconModel();
    return {
      output: { ...model.predict(text) },
      version: trained ? `trained-${trained.version}` : LEXICON_CARD.kind,
    };
  }

  /** The sentiment model that the tenant trained and that serves; null: the lexicon does. */
  async trainedSentiment(tenantId: string): Promise<TrainedSentiment | null> {
    const served = await this.database.tenant(tenantId, (tx) =>
      this.versions.servedCard(tx, tenantId, SENTIMENT),
    );
    return served ? this.classifier(tenantId, served.id) : null;
  }

  /** Loaded when it is first asked: it takes a tenth of a second. */
  private lexiconModel(): LexiconSentiment {
    this.lexicon ??= new LexiconSentiment();
    return this.lexicon;
  }

  private async classifier(tenantId: string, id: string): Promise<TrainedSentiment | null> {
    const known = this.trained.get(id);
    if (known) return known;
    const served = await this.database.tenant(tenantId, (tx) =>
      this.versions.served<LogisticSentimentModel, unknown>(tx, tenantId, SENTIMENT),
    );
    if (!served) return null;
    const { model_data: data, version } = served;
    const model = { data, version, classifier: new LogisticSentiment(data) };
    if (this.trained.size >= 100) this.trained.clear();
    this.trained.set(served.id, model);
    return model;
  }

  private async forecast({ tenantId, input }: PredictionRequest): Promise<ModelAnswer> {
    const wanted = typeof input === 'string' ? {} : input;
    const horizon = wanted.horizon ?? 1;
    if (!Number.isInteger(horizon) || horizon < 1 || horizon > MAX_HORIZON)
      throw invalidField(
        'input.horizon',
        'range',
        `input.horizon must be a whole number from 1 to ${MAX_HORIZON}`,
      );
    const poolId = wanted.pool === undefined ? undefined : await this.poolId(tenantId, wanted.pool);
    const series = wanted.series?.map((p) => ({ timestamp: Date.parse(p.timestamp), value: p.value }));
    const { points, basis, version } = await this.forecasts.predict(tenantId, { horizon, poolId, series });
    return { output: { points, basis }, version: version === null ? 'naive' : String(version) };
  }

  private async anomalies({ input, signal }: PredictionRequest): Promise<ModelAnswer> {
    const { series, accurate = false } = typeof input === 'string' ? {} : input;
    if (!series?.length)
      throw invalidField('input.series', 'required', 'input.series must be points {timestamp, value}');
    const warmUp = Math.max(10, Math.min(288, Math.floor(series.length * 0.15)));
    const options = { warmUp, rest: Math.ceil(warmUp / 2) };
    const detector = accurate ? new ContextualDetector(options) : new ResidualDetector(options);
    const inOrder = series.map((p) => ({ p, at: Date.parse(p.timestamp) })).sort((a, b) => a.at - b.at);
    const anomalies: ModelAnswer['output']['anomalies'] = [];
    for (const [i, { p, at }] of inOrder.entries()) {
      if (i % POINTS_A_TURN === 0) await turn(undefined, { signal });
      const { anomaly, score, expected } = detector.update(at, p.value);
      if (!anomaly) continue;
      const range = { lower: expected?.lower ?? null, upper: expected?.upper ?? null };
      anomalies.push({ timestamp: p.timestamp, value: p.value, score, ...range });
    }
    const version = accurate ? 'contextual-1' : 'residual-1';
    return { output: { anomalies, judged: Math.max(0, series.length - warmUp) }, version };
  }

  private async poolId(tenantId: string, name: string): Promise<string> {
    const [pool] = await this.database.tenant(tenantId, (tx) =>
      this.pools.find(tx, tenantId, { namePrefix: name }, { limit: 1, offset: 0 }),
    );
    if (pool?.name !== name) throw invalidField('input.pool', 'exists', `There is no pool '${name}'`);
    return pool.id;
  }
}

const baseOf = (model: DeployedModel): string => model.config.base ?? model.name;
