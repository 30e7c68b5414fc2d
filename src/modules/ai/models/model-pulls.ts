import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import { type Periodic, repeat } from '../../../platform/jobs/index.js';
import { Channels } from '../../../platform/realtime/index.js';
import type { ModelDeployment } from './model-deployment.entity.js';
import { ModelsRepository } from './models.repository.js';
import { OllamaRuntime } from './ollama.runtime.js';

const LOOK_MS = 15_000;
/** A pull whose row nobody touched for this long has lost its node. */
const ORPHANED_SECONDS = 30;
const HEARTBEAT_MS = 10_000;
/** Smallest step of progress that is stored. */
const STEP = 0.02;

export type PulledModel = Pick<ModelDeployment, 'id' | 'tenant_id' | 'name' | 'version' | 'config'>;

/**
 * Pulls of models in the background: progress shows in the model and on the channel `ai`. One whose node died is
 * taken over by another node, or by the next start; Ollama goes on where it was.
 */
@Injectable()
export class ModelPulls implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly running = new Map<string, AbortController>();
  private looking?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly models: ModelsRepository,
    private readonly ollama: OllamaRuntime,
    private readonly channels: Channels,
  ) {}

  onApplicationBootstrap(): void {
    this.looking = repeat('model pulls', LOOK_MS, async () => {
      const orphans = await this.database.system((tx) => this.models.takeOrphanedPulls(tx, ORPHANED_SECONDS));
      for (const model of orphans) this.start(model);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.looking?.stop();
    for (const id of [...this.running.keys()]) this.stop(id);
  }

  /** Goes on after the answer. */
  start(model: PulledModel): void {
    if (this.running.has(model.id)) return;
    const stopped = new AbortController();
    this.running.set(model.id, stopped);
    void this.pull(model, stopped).finally(() => this.running.delete(model.id));
  }

  /** Ends the pull, if this node has it; the row is the caller's. */
  stop(id: string): void {
    this.running.get(id)?.abort();
  }

  private async pull(model: PulledModel, stopped: AbortController): Promise<void> {
    let last = 0;
    const heartbeat = setInterval(() => void this.save(model, { progress: last }, stopped), HEARTBEAT_MS);
    try {
      const { status, ...rest } = await this.ollama.pull(model, stopped.signal, (fraction) => {
        if (fraction - last < STEP) return;
        last = fraction;
        void this.save(model, { progress: fraction }, stopped);
      });
      if (stopped.signal.aborted) return;
      await this.save(model, { status, reason: 'reason' in rest ? rest.reason : null }, stopped);
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** A model that was undeployed meanwhile, on whatever node, ends its pull. */
  private async save(
    { id, tenant_id }: PulledModel,
    change: Parameters<ModelsRepository['update']>[3],
    stopped: AbortController,
  ): Promise<void> {
    try {
      const row = await this.database.tenant(tenant_id, async (tx) => {
        await this.channels.changed(tx, 'ai', tenant_id);
        return this.models.update(tx, tenant_id, id, change);
      });
      if (!row) stopped.abort();
    } catch {
      // the database is away: the next report tries again, an orphan is taken over later
    }
  }
}
