import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { Database, Notifications } from '../../platform/database/index.js';
import { Leader, type Periodic, repeat, WorkQueue } from '../../platform/jobs/index.js';
import { type Settings, SettingsService } from '../settings/index.js';
import { PlansReadModel } from '../tenants/index.js';
import { type BackupJob, BackupsRepository } from './backups.repository.js';
import { BackupsService } from './backups.service.js';

const LOOK_EVERY_MS = 60_000;
const LEASE_SECONDS = 60;

/** Makes backups by the settings `backup_enabled` and `backup_interval`, once for all nodes. */
@Injectable()
export class BackupSchedule implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('backups');
  private readonly queue: WorkQueue<BackupJob>;
  private looking?: Periodic;

  constructor(
    private readonly database: Database,
    notifications: Notifications,
    private readonly leader: Leader,
    private readonly settings: SettingsService,
    private readonly backups: BackupsRepository,
    private readonly service: BackupsService,
    private readonly plans: PlansReadModel,
  ) {
    this.queue = new WorkQueue<BackupJob>(database, notifications, {
      table: 'backups',
      concurrency: 1,
      leaseSeconds: LEASE_SECONDS,
      maxAttempts: 5,
      onDead: (tx, { id }, error) => this.service.noteFailed(tx, id, error),
      handle: async ({ id }, job) => {
        const made = await this.service.make(id);
        await job.finish(async (tx) => {
          await this.backups.fill(tx, made);
          await this.service.noteCreated(tx, made);
        });
        await this.removeExpired();
      },
    });
  }

  onApplicationBootstrap(): void {
    this.queue.start();
    const looking = repeat('backup schedule', LOOK_EVERY_MS, () => this.enqueueDue());
    this.looking = looking;
    let known = scheduleOf(this.settings.current);
    this.settings.watch((settings) => {
      if (scheduleOf(settings) === known) return;
      known = scheduleOf(settings);
      void looking.runNow();
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.looking?.stop();
    await this.queue.stop();
  }

  /** Enqueues a backup when one is due and this node leads. */
  async enqueueDue(): Promise<void> {
    const { backup_enabled, backup_interval } = this.settings.current;
    if (!backup_enabled || !this.leader.isLeader) return;
    await this.leader.lead(async (tx) => {
      if (await this.backups.enqueueDue(tx, newId('backup'), backup_interval)) await this.queue.wake(tx);
    });
  }

  /**
   * A backup holds every tenant, so as many are kept as the best plan among them promises. The ones that somebody asked
   * for stay until they are deleted.
   */
  private async removeExpired(): Promise<void> {
    const expired = await this.database.system(async (tx) =>
      this.backups.expired(tx, await this.plans.mostBackupsKept(tx)),
    );
    for (const { id } of expired)
      await this.service.delete(id).catch((e: Error) => this.logger.warn(`${id} not removed: ${e.message}`));
  }
}

const scheduleOf = ({ backup_enabled, backup_interval }: Settings): string =>
  `${backup_enabled} ${backup_interval}`;
