import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { AccessSample, TelemetryBatch } from '../../common/traffic.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { type Periodic, repeat } from '../../platform/jobs/index.js';
import { RecentTraffic } from './recent-traffic.js';
import { TelemetryRepository } from './telemetry.repository.js';
import { type PathRow, TrafficBuckets, type TrafficRow } from './traffic-buckets.js';
import { TrafficMetrics } from './traffic-metrics.js';

const FLUSH_EVERY_MS = 2000;
const ROWS_A_WRITE = 1000;
/** Lines of the access log that wait for the database; the oldest go first beyond that. */
const MAX_SAMPLES = 10_000;

interface Stored {
  revision: number;
  stored: number;
  attempted: boolean;
}

/**
 * Takes what the engine counted and brings it to the database: every 2 s and at shutdown. Counters arrive exactly
 * once, also through restarts of the database; lines of the access log may double when a commit's answer is lost.
 */
@Injectable()
export class TrafficRecorder implements OnApplicationBootstrap {
  private readonly logger = new Logger('telemetry');
  private readonly buckets = new TrafficBuckets();
  private samples: AccessSample[] = [];
  private flushing?: Periodic;
  private failing = false;

  constructor(
    private readonly database: Database,
    private readonly repository: TelemetryRepository,
    private readonly recent: RecentTraffic,
    private readonly metrics: TrafficMetrics,
  ) {}

  onApplicationBootstrap(): void {
    this.flushing = repeat('telemetry', FLUSH_EVERY_MS, () => this.flush());
  }

  record(batch: TelemetryBatch, nowMs = Date.now()): void {
    this.buckets.add(batch.traffic, batch.paths, nowMs);
    this.recent.add(batch.traffic, nowMs);
    this.metrics.record(batch);
    this.samples.push(...batch.samples);
    if (this.samples.length > MAX_SAMPLES) this.samples = this.samples.slice(-MAX_SAMPLES);
  }

  /** Writes everything that is not stored yet. An unreachable database is said once; nothing is lost. */
  async flush(nowMs = Date.now()): Promise<void> {
    try {
      for (const rows of chunks(this.buckets.unstoredTraffic()))
        await this.store<TrafficRow>(rows, (tx, r) => this.repository.putTraffic(tx, r));
      for (const rows of chunks(this.buckets.unstoredPaths()))
        await this.store<PathRow>(rows, (tx, r) => this.repository.putPaths(tx, r));
      while (this.samples.length) {
        const rows = this.samples.slice(0, ROWS_A_WRITE);
        await this.database.system((tx) => this.repository.addSamples(tx, rows));
        const written = new Set(rows);
        this.samples = this.samples.filter((sample) => !written.has(sample));
      }
      if (this.failing) this.logger.log('traffic figures reach the database again');
      this.failing = false;
    } catch (e) {
      if (!this.failing)
        this.logger.warn(`traffic figures wait in memory for the database: ${(e as Error).message}`);
      this.failing = true;
    }
    this.buckets.forgetStored(nowMs);
  }

  /** Ends the periodic flush and writes what is left; the data plane calls it after its last drain. */
  async close(): Promise<void> {
    await this.flushing?.stop();
    await this.flush();
  }

  /** A row that grows while it is written keeps its higher revision and is written again. */
  private async store<T extends Stored>(rows: T[], put: (tx: Transaction, rows: T[]) => Promise<void>) {
    const revisions = rows.map((row) => row.revision);
    for (const row of rows) row.attempted = true;
    await this.database.system((tx) => put(tx, rows));
    for (const [i, row] of rows.entries()) row.stored = revisions[i]!;
  }
}

function* chunks<T>(rows: T[]): Generator<T[]> {
  for (let i = 0; i < rows.length; i += ROWS_A_WRITE) yield rows.slice(i, i + ROWS_A_WRITE);
}
