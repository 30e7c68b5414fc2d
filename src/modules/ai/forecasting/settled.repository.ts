import { Injectable } from '@nestjs/common';
import { MoreThanOrEqual } from 'typeorm';
import type { Transaction } from '../../../platform/database/index.js';
import { SettledForecast } from './settled-forecast.entity.js';

/** Accuracy over forecasts whose actual value has come. */
export interface SettledAccuracy {
  n: number;
  /** 1 − WAPE; null without actual load. */
  accuracy: number | null;
  baseline_accuracy: number | null;
  /** 1 − error / naive error. */
  skill: number | null;
  coverage: number | null;
}

/** Forecasts of the next step, each kept until the actual value came. */
@Injectable()
export class SettledForecastsRepository {
  async add(
    tx: Transaction,
    tenantId: string,
    forecast: Omit<SettledForecast, 'tenant_id' | 'actual' | 'made_at'>,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO ai_settled_forecasts (tenant_id, pool_id, target, version, value, lower, upper, naive)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
      [
        tenantId,
        forecast.pool_id,
        forecast.target,
        forecast.version,
        forecast.value,
        forecast.lower,
        forecast.upper,
        forecast.naive,
      ],
    );
  }

  /** Steps whose time has passed and whose actual value is not entered yet. */
  open(tx: Transaction, before: Date): Promise<{ tenant_id: string; pool_id: string; target: Date }[]> {
    return tx.query(
      `SELECT tenant_id, pool_id, target FROM ai_settled_forecasts WHERE actual IS NULL AND target < $1 ORDER BY target LIMIT 1000`,
      [before],
    );
  }

  async settle(
    tx: Transaction,
    tenantId: string,
    poolId: string,
    target: Date,
    actual: number,
  ): Promise<void> {
    await tx
      .getRepository(SettledForecast)
      .update({ tenant_id: tenantId, pool_id: poolId, target }, { actual });
  }

  async accuracy(tx: Transaction, tenantId: string, since: Date): Promise<SettledAccuracy> {
    const [row] = await tx.query(
      `SELECT count(*)::int AS n, sum(abs(actual - value)) AS error, sum(abs(actual - naive)) AS naive_error, sum(abs(actual)) AS level,
              count(*) FILTER (WHERE actual BETWEEN lower AND upper)::int AS inside
       FROM ai_settled_forecasts WHERE tenant_id = $1 AND actual IS NOT NULL AND target >= $2`,
      [tenantId, since],
    );
    const { n, error, naive_error: naive, level, inside } = row;
    return {
      n,
      accuracy: level > 0 ? 1 - error / level : null,
      baseline_accuracy: level > 0 ? 1 - naive / level : null,
      skill: naive > 0 ? 1 - error / naive : null,
      coverage: n > 0 ? inside / n : null,
    };
  }

  history(tx: Transaction, tenantId: string, since: Date, limit: number): Promise<SettledForecast[]> {
    return tx.getRepository(SettledForecast).find({
      where: { tenant_id: tenantId, target: MoreThanOrEqual(since) },
      order: { target: 'DESC' },
      take: limit,
    });
  }

  async prune(tx: Transaction): Promise<void> {
    await tx.query(`DELETE FROM ai_settled_forecasts WHERE target < clock_timestamp() - interval '90 days'`);
  }
}
