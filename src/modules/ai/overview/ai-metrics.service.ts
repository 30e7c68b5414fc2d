import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import { ComparisonService } from '../comparison/comparison.service.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { ForecastsService } from '../forecasting/forecasts.service.js';
import { scalingFor } from './capacity.js';
import { FleetFigures } from './fleet-figures.js';
import { ForecastPerformance } from './forecast-performance.js';
import type { AiMetricsResponse } from './overview.dto.js';

/** The next forecast, what it advises, and how good the forecasts were. */
@Injectable()
export class AiMetricsService {
  constructor(
    private readonly database: Database,
    private readonly config: AiConfigService,
    private readonly forecasts: ForecastsService,
    private readonly comparison: ComparisonService,
    private readonly performance: ForecastPerformance,
    private readonly fleet: FleetFigures,
  ) {}

  /**
   * @param detailed also what the figures were made from
   * @param history also the last day's forecasts beside what came
   */
  async metrics(tenantId: string, detailed: boolean, history: boolean): Promise<AiMetricsResponse> {
    const { points, basis } = await this.forecasts.ofTraffic(tenantId, 1);
    const next = points[0]!;
    const compared = await this.comparison.compare(tenantId);
    return this.database.tenant(tenantId, async (tx) => {
      const { enabled } = await this.config.getIn(tx, tenantId);
      const current = await this.fleet.algorithm(tx, tenantId);
      const load = await this.fleet.load(tx, tenantId);
      const { coverage, ...performance } = await this.performance.lastWeek(tx, tenantId);
      return {
        enabled,
        current_algorithm: current,
        prediction_data: {
          recommended_algorithm: compared.recommended_algorithm ?? current,
          confidence: compared.confidence ?? 0,
          predicted_load: next.value,
          basis,
          prediction_time: next.timestamp,
          optimal_backends: await this.fleet.fastest(tx, tenantId),
          scaling_recommendation: scalingFor(next.upper, load),
        },
        model_performance: { load_predictor: performance },
        ...(detailed && {
          details: {
            forecast_lower: next.lower,
            forecast_upper: next.upper,
            interval_coverage: coverage,
            capacity_per_minute: load?.isFull ? load.carried : null,
            best_minute: load?.carried ?? null,
            comparison_basis: compared.basis,
            algorithms: compared.algorithms,
          },
        }),
        ...(history && { history: await this.performance.lastDay(tx, tenantId) }),
      };
    });
  }
}
