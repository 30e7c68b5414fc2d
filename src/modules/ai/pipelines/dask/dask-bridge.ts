import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { unavailable } from '../../../../common/errors.js';
import { Environment } from '../../../../platform/config/environment.js';
import type { LogisticSentimentModel } from '../../core/index.js';
import type { Step } from '../step-schemas.js';

const CALL_LIMIT_MS = 3000;
/** Sending a large batch and fetching its results take longer. */
const TRANSFER_LIMIT_MS = 30_000;
const POLL_MS = 100;
const MISSED_POLLS = 10;

export interface DaskJob {
  steps: readonly Step[];
  model: Pick<LogisticSentimentModel, 'labels' | 'weights' | 'biases'> | null;
  texts: readonly string[];
}

/** What the last step said of a text; null: the bridge leaves this text to us. */
export type DaskResult = { text: string } | { tokens: string[] } | { logits: number[] } | null;

interface JobReport {
  status: 'running' | 'completed' | 'failed';
  done: number;
  total: number;
  results?: DaskResult[];
  error?: string;
}

/** The agent before a Dask cluster (ops/dask/bridge.py has its protocol). */
@Injectable()
export class DaskBridge {
  constructor(private readonly environment: Environment) {}

  /** @throws AppError 503 DASK_UNAVAILABLE with the reason, when the bridge or the cluster behind it cannot work */
  async check(): Promise<void> {
    await this.call('GET', '/health');
  }

  /**
   * @param onProgress told how many texts are done
   * @throws AppError 503 DASK_UNAVAILABLE; the signal's reason, after the job was cancelled at the bridge
   */
  async run(job: DaskJob, signal: AbortSignal, onProgress: (done: number) => void): Promise<DaskResult[]> {
    signal.throwIfAborted();
    const { id } = (await this.call('POST', '/jobs', job)) as { id: string };
    try {
      const results = await this.follow(id, signal, onProgress);
      if (results.length !== job.texts.length) throw away('the Dask bridge lost results');
      return results;
    } finally {
      await this.call('DELETE', `/jobs/${id}`).catch(() => undefined);
    }
  }

  private async follow(id: string, signal: AbortSignal, onProgress: (done: number) => void) {
    let missed = 0;
    for (;;) {
      await delay(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      const report = await this.report(id, ++missed > MISSED_POLLS);
      if (!report) continue;
      missed = 0;
      onProgress(report.done);
      if (report.status === 'failed') throw away(report.error ?? 'the job failed');
      if (report.results) return report.results;
    }
  }

  /** Null when the bridge did not answer and may yet. */
  private async report(id: string, last: boolean): Promise<JobReport | null> {
    try {
      return (await this.call('GET', `/jobs/${id}`, undefined, TRANSFER_LIMIT_MS)) as JobReport;
    } catch (e) {
      if (last || (e as { answered?: boolean }).answered) throw e;
      return null;
    }
  }

  private async call(method: string, path: string, body?: object, limitMs?: number): Promise<unknown> {
    const { DASK_BRIDGE_URL: url, DASK_BRIDGE_TOKEN: token } = this.environment;
    if (!url) throw away('no Dask bridge is set up (DASK_BRIDGE_URL)');
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token ?? ''}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(limitMs ?? (body ? TRANSFER_LIMIT_MS : CALL_LIMIT_MS)),
    }).catch((e: Error) => {
      throw away('the Dask bridge does not answer', e);
    });
    if (response.status === 204) return null;
    const answer = (await response.json().catch(() => ({}))) as { error?: string };
    if (response.ok) return answer;
    const why = response.status === 401 ? 'it refuses DASK_BRIDGE_TOKEN' : (answer.error ?? 'it failed');
    throw Object.assign(away(`the Dask bridge: ${why}`), { answered: true });
  }
}

const away = (reason: string, cause?: unknown) => unavailable('DASK_UNAVAILABLE', reason, 10, cause);
