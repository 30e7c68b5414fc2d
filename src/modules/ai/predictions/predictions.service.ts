import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AppError } from '../../../common/errors.js';
import { newId } from '../../../common/ids.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import type { ResolvedModel } from '../models/models.service.js';
import type { PredictionInput } from '../models/runtime.js';
import {
  type BatchPredictRequest,
  type BatchPredictResponse,
  type PredictionHistoryResponse,
  PredictionResponse,
  type PredictRequest,
  type PredictResponse,
  RANGES,
} from './predictions.dto.js';
import { type NewPrediction, PredictionsRepository } from './predictions.repository.js';
import { Predictor } from './predictor.js';

const PRUNE_MS = 3_600_000;
const DEFAULT_BATCH = 10;
/** Input kept with a prediction, characters of JSON. */
const KEEP_INPUT = 2000;

/** Predictions and their history. */
@Injectable()
export class PredictionsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private pruning?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly predictor: Predictor,
    private readonly predictions: PredictionsRepository,
    private readonly leader: Leader,
  ) {}

  onApplicationBootstrap(): void {
    this.pruning = repeat('predictions', PRUNE_MS, async () => {
      if (this.leader.isLeader) await this.leader.lead((tx) => this.predictions.prune(tx));
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pruning?.stop();
  }

  async predict(tenantId: string, request: PredictRequest): Promise<PredictResponse> {
    const resolved = await this.predictor.resolve(tenantId, request.model);
    const { row, failure } = await this.attempt(
      tenantId,
      resolved,
      request.input,
      request.options?.confidence_threshold,
    );
    const [saved] = await this.database.tenant(tenantId, (tx) => this.predictions.add(tx, tenantId, [row]));
    if (failure) throw failure;
    const response = PredictionResponse.from(saved!);
    return { prediction: 'completed', ...response, output: response.output! };
  }

  /** One bad input fails its own result, not the batch. */
  async predictBatch(tenantId: string, request: BatchPredictRequest): Promise<BatchPredictResponse> {
    const started = performance.now();
    const resolved = await this.predictor.resolve(tenantId, request.model);
    const batchId = newId('job');
    const rows: NewPrediction[] = [];
    const size = request.batch_size ?? DEFAULT_BATCH;
    for (let i = 0; i < request.inputs.length; i += size) {
      const part = request.inputs.slice(i, i + size);
      const done = await Promise.all(
        part.map((input) => this.attempt(tenantId, resolved, input, request.options?.confidence_threshold)),
      );
      rows.push(...done.map(({ row }) => ({ ...row, batch_id: batchId })));
    }
    const saved = await this.database.tenant(tenantId, (tx) => this.predictions.add(tx, tenantId, rows));
    const failed = saved.filter((r) => r.error !== null).length;
    return {
      batch_prediction: 'completed',
      batch_id: batchId,
      model: request.model,
      results: saved.map((r) => PredictionResponse.from(r)),
      succeeded: saved.length - failed,
      failed,
      latency_ms: performance.now() - started,
    };
  }

  list(
    tenantId: string,
    request: PageRequest,
    range: string,
    model?: string,
  ): Promise<Page<PredictionResponse>> {
    return this.database.tenant(tenantId, async (tx) =>
      (await this.predictions.page(tx, tenantId, request, since(range), model)).map((r) =>
        PredictionResponse.from(r),
      ),
    );
  }

  async history(tenantId: string, period: string): Promise<PredictionHistoryResponse> {
    const bucket = Math.max(60, RANGES[period]! / 96);
    const history = await this.database.tenant(tenantId, (tx) =>
      this.predictions.history(tx, tenantId, since(period), bucket),
    );
    return { period, history };
  }

  private async attempt(
    tenantId: string,
    resolved: ResolvedModel,
    input: PredictionInput,
    threshold?: number,
  ) {
    const started = performance.now();
    const base = { model: resolved.model.name, batch_id: null, input: shortened(input) };
    try {
      const { output, version, latencyMs } = await this.predictor.predict(
        tenantId,
        resolved,
        input,
        threshold,
      );
      return {
        row: {
          ...base,
          model_version: version,
          output,
          error: null,
          confidence: output.confidence ?? null,
          latency_ms: latencyMs,
        },
      };
    } catch (failure) {
      const error = failure instanceof AppError ? failure.message : 'the model failed';
      return {
        failure,
        row: {
          ...base,
          model_version: resolved.model.version,
          output: null,
          error,
          confidence: null,
          latency_ms: performance.now() - started,
        },
      };
    }
  }
}

const since = (range: string): Date => new Date(Date.now() - RANGES[range]! * 1000);

function shortened(input: PredictionInput): unknown {
  const text = JSON.stringify(input);
  return text.length <= KEEP_INPUT ? input : { shortened: text.slice(0, KEEP_INPUT) };
}
