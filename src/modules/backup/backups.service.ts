import path from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database, LongTransactions, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { NodesService } from '../cluster/index.js';
import { backupDamaged, backupNotFound } from './backup.errors.js';
import { checkSeal, writeBackupFile } from './backup-file.js';
import { type BackupStore, fileName } from './backup-stores.js';
import { type BackupRow, BackupsRepository, type RowCounts } from './backups.repository.js';
import { DumpRepository } from './dump.repository.js';
import { Workshop } from './workshop.js';

export const BACKUP_STORE = Symbol('BACKUP_STORE');

export interface FinishedFile {
  id: string;
  node: string;
  size: number;
  checksum: string;
  rows: RowCounts;
}

/** Makes, keeps and hands out backups; {@link RestoreService} restores them. */
@Injectable()
export class BackupsService {
  constructor(
    private readonly database: Database,
    private readonly long: LongTransactions,
    private readonly backups: BackupsRepository,
    private readonly dump: DumpRepository,
    private readonly journal: Journal,
    private readonly nodes: NodesService,
    @Inject(BACKUP_STORE) private readonly store: BackupStore,
    private readonly workshop: Workshop,
  ) {}

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
    return this.workshop.use(async (directory) => {
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
    return this.workshop.use(async (directory) => {
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
}
