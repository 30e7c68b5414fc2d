import { Injectable } from '@nestjs/common';
import { DAY_MS } from '../../../common/durations.js';
import type { Transaction } from '../../../platform/database/index.js';
import { LOAD_PREDICTOR } from '../forecasting/built-in-models.js';
import { ModelVersionsRepository } from '../forecasting/model-versions.repository.js';
import { SettledForecastsRepository } from '../forecasting/settled.repository.js';
import { PredictionsRepository } from '../predictions/predictions.repository.js';
import type { ForecastHistoryItem, LoadPredictorPerformance } from './overview.dto.js';

const WEEK_MS = 7 * DAY_MS;
const MIN_SETTLED = 30;
const MAX_HISTORY = 1440;

/** How good a tenant's load forecasts turned out to be. */
@Injectable()
export class ForecastPerformance {
  constructor(
    private readonly settled: SettledForecastsRepository,
    private readonly versions: ModelVersionsRepository,
    private readonly predictions: PredictionsRepository,
  ) {}

  /** Of the last 7 days; `coverage`: share of the actual values within the forecast's interval. */
  async lastWeek(
    tx: Transaction,
    tenantId: string,
  ): Promise<LoadPredictorPerformance & { coverage: number | null }> {
    const settled = await this.settled.accuracy(tx, tenantId, new Date(Date.now() - WEEK_MS));
    const served = await this.versions.servedCard(tx, tenantId, LOAD_PREDICTOR);
    const known = settled.n >= MIN_SETTLED;
    return {
      accuracy: known ? settled.accuracy : null,
      baseline_accuracy: known ? settled.baseline_accuracy : null,
      skill: known ? settled.skill : null,
      coverage: known ? settled.coverage : null,
      n: settled.n,
      last_trained: served?.created_at.toISOString() ?? null,
      version: String(served?.version ?? 0),
      predictions_made: await this.predictions.countMade(tx, tenantId, LOAD_PREDICTOR),
    };
  }

  /** What was forecast for the last 24 hours beside what came, newest first. */
  async lastDay(tx: Transaction, tenantId: string): Promise<ForecastHistoryItem[]> {
    const rows = await this.settled.history(tx, tenantId, new Date(Date.now() - DAY_MS), MAX_HISTORY);
    return rows.map(({ target, value, lower, upper, actual }) => ({
      timestamp: target.toISOString(),
      predicted: value,
      lower,
      upper,
      actual,
    }));
  }
}
