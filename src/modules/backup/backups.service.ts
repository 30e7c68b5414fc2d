import { createWriteStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Environment } from '../../platform/config/environment.js';
import {
  Database,
  LongTransactions,
  Notifications,
  type Transaction,
} from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { NodesService } from '../cluster/index.js';
import { TENANT_CHANGED } from '../tenants/index.js';
import { backupDamaged, backupNotFound, uploadTooLarge } from './backup.errors.js';
import { checkSeal, readBackupLines, writeBackupFile } from './backup-file.js';
import { type BackupStore, fileError, fileName } from './backup-stores.js';
import { type BackupRow, BackupsRepository, type RowCounts } from './backups.repository.js';
import { DumpRepository } from './dump.repository.js';
import { RestoreRepository } from './restore.repository.js';

export const BACKUP_STORE = Symbol('BACKUP_STORE');
const MAX_UPLOAD_BYTES = 2 * 1024 ** 3;

export interface FinishedFile {
  id: string;
  node: string;
  size: number;
  checksum: string;
  rows: RowCounts;
}

export interface Restored {
  backupId: string | null;
  tenantId: string | null;
  rows: RowCounts;
}

/** Makes, keeps, hands out and restores backups. Files are worked on in a directory of this node's own. */
@Injectable()
export class BackupsService implements OnApplicationBootstrap {
  private readonly logger = new Logger('backups');
  private readonly workshop: string;

  constructor(
    private readonly database: Database,
    private readonly long: LongTransactions,
    private readonly backups: BackupsRepository,
    private readonly dump: DumpRepository,
    private readonly restores: RestoreRepository,
    private readonly journal: Journal,
    private readonly notifications: Notifications,
    private readonly nodes: NodesService,
    @Inject(BACKUP_STORE) private readonly store: BackupStore,
    environment: Environment,
  ) {
    this.workshop = path.join(environment.DATA_DIR, 'backup-work', String(process.pid));
  }

  /** What a process that was killed left behind is of no use. */
  async onApplicationBootstrap(): Promise<void> {
    const parent = path.dirname(this.workshop);
    for (const name of await fs.readdir(parent).catch(() => []))
      if (!isRunning(Number(name))) await fs.rm(path.join(parent, name), { recursive: true, force: true });
  }

  list(request: PageRequest): Promise<Page<BackupRow>> {
    return this.database.system((tx) => this.backups.page(tx, request));
  }

  /** @throws AppError 404 */
  async get(id: string): Promise<BackupRow> {
    const backup = await this.database.system((tx) => this.backups.get(tx, id));
    if (!backup) throw backupNotFound(id);
    return backup;
  }

  /** @throws AppError 503 BACKUP_STORAGE_FULL; then there is nothing left of it */
  async create(): Promise<BackupRow> {
    const made = await this.make(newId('backup'));
    return this.database.system(async (tx) => {
      const row = await this.backups.insertFinished(tx, { ...made, trigger: 'manual' });
      await this.noteCreated(tx, made);
      return row;
    });
  }

  /** Writes the file of one backup and puts it into the store. */
  async make(id: string): Promise<FinishedFile> {
    return this.inWorkshop(async (directory) => {
      const file = path.join(directory, fileName(id));
      const rows: RowCounts = {};
      const written = await this.long.system((tx) => writeBackupFile(file, this.dump.lines(tx, rows)));
      await this.store.keep(id, file, written.checksum);
      return { id, node: this.nodes.name, rows, ...written };
    });
  }

  async noteCreated(tx: Transaction, made: FinishedFile): Promise<void> {
    const total = Object.values(made.rows).reduce((a, b) => a + b, 0);
    await this.journal.record(tx, {
      tenantId: null,
      action: 'backup.created',
      message: `Backup '${made.id}' created: ${total} rows, ${made.size} bytes`,
      object: { type: 'backup', id: made.id },
    });
  }

  /** A scheduled backup that was given up is told where operators look. */
  async noteFailed(tx: Transaction, id: string, error: Error): Promise<void> {
    await this.journal.record(tx, {
      tenantId: null,
      action: 'backup.failed',
      level: 'error',
      message: `The scheduled backup '${id}' failed: ${error.message}`,
      object: { type: 'backup', id },
    });
  }

  /**
   * The checked file of a backup.
   * @param use reads the file, which is gone afterwards
   * @throws AppError 404, 422 BACKUP_DAMAGED, 503 BACKUP_UNREACHABLE
   */
  async withFile<T>(id: string, use: (file: string, backup: BackupRow) => Promise<T>): Promise<T> {
    const backup = await this.get(id);
    return this.inWorkshop(async (directory) => {
      const file = path.join(directory, fileName(id));
      await this.store.fetch(id, file);
      if ((await checkSeal(file)) !== backup.checksum)
        throw backupDamaged('the file is another one than was written');
      return use(file, backup);
    });
  }

  async delete(id: string): Promise<void> {
    await this.get(id);
    await this.store.remove(id);
    await this.database.system(async (tx) => {
      await this.backups.delete(tx, id);
      await this.journal.record(tx, {
        tenantId: null,
        action: 'backup.deleted',
        message: `Backup '${id}' deleted`,
        object: { type: 'backup', id },
      });
    });
  }

  restore(id: string, tenantId: string | null): Promise<Restored> {
    return this.withFile(id, (file) => this.restoreFile(file, id, tenantId));
  }

  /** @throws AppError 413, 422 when the upload is not a whole backup of this version */
  restoreUpload(upload: Readable, tenantId: string | null): Promise<Restored> {
    return this.inWorkshop(async (directory) => {
      const file = path.join(directory, 'upload');
      await pipeline(upload, limited(MAX_UPLOAD_BYTES), createWriteStream(file));
      await checkSeal(file);
      return this.restoreFile(file, null, tenantId);
    });
  }

  private async restoreFile(
    file: string,
    backupId: string | null,
    tenantId: string | null,
  ): Promise<Restored> {
    const { rows } = await this.long.system(async (tx) => {
      const staged = await this.restores.stage(tx, readBackupLines(file));
      const outcome = tenantId
        ? await this.restores.restoreTenant(tx, tenantId)
        : await this.restores.restoreAll(tx, staged);
      const what = tenantId ? `Tenant '${tenantId}'` : 'The installation';
      const entry = {
        action: 'backup.restored',
        level: 'warning' as const,
        message: `${what} restored from ${backupId ? `backup '${backupId}'` : 'an uploaded backup'}`,
        object: { type: 'backup', id: backupId ?? 'upload' },
      };
      await this.journal.record(tx, { ...entry, tenantId });
      for (const changed of [...outcome.changedTenants, ...outcome.removedTenants])
        await this.journal.recordConfiguration(tx, { ...entry, tenantId: changed });
      for (const changed of outcome.changedTenants)
        await this.notifications.publish(tx, TENANT_CHANGED, { tenantId: changed });
      return outcome;
    });
    this.logger.warn(`restored ${backupId ?? 'an upload'}${tenantId ? ` for ${tenantId}` : ''}`);
    return { backupId, tenantId, rows };
  }

  private async workbench(): Promise<string> {
    try {
      await fs.mkdir(this.workshop, { recursive: true, mode: 0o700 });
      return await fs.mkdtemp(path.join(this.workshop, 'backup-'));
    } catch (e) {
      throw fileError(e);
    }
  }

  private async inWorkshop<T>(work: (directory: string) => Promise<T>): Promise<T> {
    const directory = await this.workbench();
    try {
      return await work(directory);
    } catch (e) {
      throw fileError(e);
    } finally {
      await fs.rm(directory, { recursive: true, force: true });
    }
  }
}

function limited(bytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > bytes) done(uploadTooLarge(bytes));
      else done(null, chunk);
    },
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === 'EPERM';
  }
}
