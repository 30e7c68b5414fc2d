import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AppError } from '../../../common/errors.js';
import { Database, Notifications, type Transaction } from '../../../platform/database/index.js';
import { type JobControl, Leader, type Periodic, repeat, WorkQueue } from '../../../platform/jobs/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import { BatchExecutor } from './batch-executor.js';
import type { Pipeline } from './pipeline.entity.js';
import { isTransient, PipelineExecutor, type StepResult } from './pipeline-executor.js';
import { PipelineRunsRepository, type RunEnd, type RunRow } from './pipeline-runs.repository.js';
import { PipelinesRepository } from './pipelines.repository.js';

const CANCEL = 'ai.pipeline.cancel';
const CONCURRENCY = 4;
const LEASE_SECONDS = 8;
const MAX_ATTEMPTS = 3;
/** Smallest step of a batch's progress that is stored. */
const PROGRESS_STEP = 0.02;
const PRUNE_MS = 3_600_000;

/** Least served first: one tenant's long line does not make another wait. */
const FAIR = `(SELECT count(*) FROM ai_pipeline_runs o WHERE o.tenant_id = ai_pipeline_runs.tenant_id
  AND o.state = 'running'), available_at`;

/**
 * Runs pipelines in the background, any node any run. One whose node died is begun anew by another after 8 s; one that
 * failed for a passing reason (503) is tried three times, 2 and 4 s apart.
 */
@Injectable()
export class PipelineWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly queue: WorkQueue<RunRow>;
  private readonly running = new Map<string, AbortController>();
  private pruning?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly leader: Leader,
    private readonly pipelines: PipelinesRepository,
    private readonly runs: PipelineRunsRepository,
    private readonly executor: PipelineExecutor,
    private readonly batches: BatchExecutor,
    private readonly channels: Channels,
  ) {
    this.queue = new WorkQueue<RunRow>(database, notifications, {
      table: 'ai_pipeline_runs',
      concurrency: CONCURRENCY,
      leaseSeconds: LEASE_SECONDS,
      maxAttempts: MAX_ATTEMPTS,
      orderBy: FAIR,
      handle: (row, job) => this.work(row, job),
      onDead: (tx, row, { message }) => {
        const error = `given up after ${MAX_ATTEMPTS} tries: ${message}`;
        return this.runs.end(tx, row.id, { status: 'failed', output: null, steps: row.steps, error });
      },
    });
  }

  onApplicationBootstrap(): void {
    this.notifications.on<{ id: string }>(CANCEL, ({ id }) => this.running.get(id)?.abort());
    this.queue.start();
    this.pruning = repeat('pipeline runs', PRUNE_MS, async () => {
      if (this.leader.isLeader) await this.leader.lead((tx) => this.runs.prune(tx));
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.pruning?.stop();
    await this.queue.stop();
  }

  wake(tx: Transaction): Promise<void> {
    return this.queue.wake(tx);
  }

  /** Tells the node that runs this to end it. */
  async announceCancel(tx: Transaction, id: string): Promise<void> {
    await this.notifications.publish(tx, CANCEL, { id });
  }

  private async work(row: RunRow, job: JobControl): Promise<void> {
    const cancelled = new AbortController();
    this.running.set(row.id, cancelled);
    try {
      const pipeline = await this.database.tenant(row.tenant_id, async (tx) => {
        // a cancellation that came before this node listened for it
        if ((await this.runs.begin(tx, row.id)).cancel_requested) cancelled.abort();
        return this.pipelines.get(tx, row.tenant_id, row.pipeline_id);
      });
      const outcome = await this.execute(row, pipeline, AbortSignal.any([cancelled.signal, job.signal]));
      // a node that stops is no cancellation: another one begins anew
      if (outcome.status === 'cancelled' && !cancelled.signal.aborted) throw job.signal.reason;
      if (outcome.transient) await this.tryAgain(row, outcome);
      await job.finish(async (tx) => {
        await this.runs.end(tx, row.id, outcome);
        await this.channels.changed(tx, 'ai', row.tenant_id);
      });
    } finally {
      this.running.delete(row.id);
    }
  }

  private async execute(row: RunRow, { steps }: Pipeline, signal: AbortSignal): Promise<RunEnd> {
    const { tenant_id: tenantId, input, inputs, target } = row;
    if (input !== null)
      return this.executor.execute(tenantId, steps, input, signal, (results) =>
        this.report(row, results.length / steps.length, results),
      );
    let reported = 0;
    const onProgress = (done: number) => {
      const share = done / inputs!.length;
      if (share - reported < PROGRESS_STEP) return;
      reported = share;
      this.report(row, share, []);
    };
    try {
      return await this.batches.execute(tenantId, steps, inputs!, target, signal, onProgress);
    } catch (e) {
      if (!(e instanceof AppError)) throw e;
      return { status: 'failed', output: null, steps: [], error: e.message, transient: isTransient(e) };
    }
  }

  /** @throws Error with the reason, for the queue to try again, unless this was the last try */
  private async tryAgain(
    { id, tenant_id: tenantId, attempts }: RunRow,
    { error, steps }: RunEnd,
  ): Promise<void> {
    if (attempts >= MAX_ATTEMPTS) return;
    const reason = error ?? 'failed';
    await this.database.tenant(tenantId, (tx) => this.runs.postpone(tx, id, reason, steps));
    throw new Error(reason);
  }

  /** Goes on beside the work; the run's end overwrites it. */
  private report({ id, tenant_id }: RunRow, share: number, results: StepResult[]): void {
    if (share >= 1) return;
    void this.database
      .tenant(tenant_id, (tx) => this.runs.progress(tx, id, 100 * share, [...results]))
      .catch(() => undefined);
  }
}
