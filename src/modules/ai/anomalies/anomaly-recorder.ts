import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import type { Transaction } from '../../../platform/database/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { AlertsService } from '../../monitoring/index.js';
import type { AnomalyNews } from './anomalies.dto.js';
import { AnomaliesRepository, type NewAnomaly, type StoredState } from './anomalies.repository.js';
import { messageOf, severityOf } from './metrics.js';
import type { WatchedInput } from './watched-input.js';
import { type Sample, WatchedSeries } from './watched-series.js';

/** Whose series, and what shall come of findings. */
export interface WatchTask {
  /** Null: the installation's own. */
  tenantId: string | null;
  /** Whether findings raise alerts. */
  alerts: boolean;
}

/** What a pass brought, to be written in a few statements. */
interface Harvest {
  states: Map<string, StoredState>;
  found: NewAnomaly[];
  after: Map<string, Sample[]>;
  ended: Map<string, number>;
}

const fingerprintOf = (tenantId: string | null, key: string) => `anomaly:${tenantId ?? ''}:${key}`;
/** Older findings come from the minutes that a new series learns from: they are listed, but are no news. */
const NEWS_MS = 30 * 60_000;

/** A finding as it goes out on the channel: small, without the series around it. */
const newsOf = (anomaly: NewAnomaly, pool: string | null): AnomalyNews['anomaly'] => ({
  id: anomaly.id,
  metric: anomaly.metric,
  pool,
  pool_id: anomaly.poolId,
  node: anomaly.node,
  at: new Date(anomaly.at).toISOString(),
  ended_at: null,
  score: anomaly.score,
  value: anomaly.value,
  expected: { value: anomaly.expected, lower: anomaly.lower, upper: anomaly.upper },
});

/** Judges new minutes and writes down what was found, in the caller's system transaction: all of it or nothing. */
@Injectable()
export class AnomalyRecorder {
  constructor(
    private readonly anomalies: AnomaliesRepository,
    private readonly alerts: AlertsService,
    private readonly channels: Channels,
  ) {}

  /** @param known the states that `inputs` go on from; series that `inputs` do not name are forgotten */
  async record(
    tx: Transaction,
    task: WatchTask,
    known: ReadonlyMap<string, StoredState>,
    inputs: readonly WatchedInput[],
  ): Promise<void> {
    const harvest: Harvest = { states: new Map(), found: [], after: new Map(), ended: new Map() };
    for (const input of inputs) await this.judge(tx, task, known.get(input.key), input, harvest);
    const { tenantId } = task;
    await this.anomalies.add(tx, tenantId, harvest.found);
    await this.anomalies.follow(tx, harvest.after);
    await this.anomalies.end(tx, harvest.ended);
    await this.anomalies.saveStates(tx, tenantId, harvest.states);
    const gone = [...known.keys()].filter((key) => !harvest.states.has(key));
    await this.forget(tx, tenantId, gone);
  }

  /** Drops series and ends their alerts. */
  async forget(tx: Transaction, tenantId: string | null, keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.alerts.resolveIn(tx, fingerprintOf(tenantId, key));
    await this.anomalies.deleteStates(tx, tenantId, keys);
  }

  private async judge(
    tx: Transaction,
    task: WatchTask,
    before: StoredState | undefined,
    input: WatchedInput,
    harvest: Harvest,
  ): Promise<void> {
    const { metric, pool, node } = input;
    const series = new WatchedSeries(() => newId('anomaly'), before?.detector);
    const found: NewAnomaly[] = [];
    let hasEnded = false;
    for (const { at, value, noise } of input.samples) {
      const { finding, followed, ended } = series.update(at, value, noise);
      if (finding) found.push({ ...finding, metric, poolId: pool?.id ?? null, node });
      if (followed) harvest.after.set(followed, [...(harvest.after.get(followed) ?? []), [at, value]]);
      if (ended) harvest.ended.set(ended, at);
      hasEnded ||= ended !== null;
    }
    harvest.states.set(input.key, { minute: input.minute, detector: series.state() });
    harvest.found.push(...found);
    await this.tell(tx, task, input, found, series.lasting !== null, hasEnded);
  }

  private async tell(
    tx: Transaction,
    { tenantId, alerts }: WatchTask,
    input: WatchedInput,
    found: readonly NewAnomaly[],
    lasts: boolean,
    hasEnded: boolean,
  ): Promise<void> {
    const news = found.filter(({ at }) => at > input.minute.getTime() - NEWS_MS);
    for (const anomaly of news)
      await this.channels.publish(
        tx,
        'ai',
        tenantId,
        { anomaly: newsOf(anomaly, input.pool?.name ?? null) } satisfies AnomalyNews,
        'ai_anomaly',
      );
    const newest = found.at(-1);
    if (newest && lasts && alerts) await this.alerts.fireIn(tx, this.report(tenantId, input, newest));
    else if (hasEnded && !lasts) await this.alerts.resolveIn(tx, fingerprintOf(tenantId, input.key));
  }

  private report(tenantId: string | null, { key, metric, pool, node }: WatchedInput, newest: NewAnomaly) {
    return {
      fingerprint: fingerprintOf(tenantId, key),
      severity: severityOf(metric, newest.value, newest.expected),
      component: 'ANOMALY',
      message: messageOf(metric, pool ? `pool '${pool.name}'` : `node ${node}`, newest.value, newest),
      tenantId,
      labels: {
        anomaly_id: newest.id,
        metric,
        ...(node !== null && { node }),
        ...(pool && { pool: pool.name }),
      },
      startedAt: new Date(newest.at),
    };
  }
}
