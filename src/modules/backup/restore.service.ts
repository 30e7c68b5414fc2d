import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Injectable, Logger } from '@nestjs/common';
import { LongTransactions, Notifications } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { TENANT_CHANGED } from '../tenants/index.js';
import { uploadTooLarge } from './backup.errors.js';
import { checkSeal, readBackupLines } from './backup-file.js';
import type { RowCounts } from './backups.repository.js';
import { BackupsService } from './backups.service.js';
import { RestoreRepository } from './restore.repository.js';
import { Workshop } from './workshop.js';

const MAX_UPLOAD_BYTES = 2 * 1024 ** 3;

export interface Restored {
  backupId: string | null;
  tenantId: string | null;
  rows: RowCounts;
}

/** Puts back what a backup or an uploaded file has: all of it, or one tenant. */
@Injectable()
export class RestoreService {
  private readonly logger = new Logger('backups');

  constructor(
    private readonly backups: BackupsService,
    private readonly workshop: Workshop,
    private readonly long: LongTransactions,
    private readonly restores: RestoreRepository,
    private readonly journal: Journal,
    private readonly notifications: Notifications,
  ) {}

  restore(id: string, tenantId: string | null): Promise<Restored> {
    return this.backups.withFile(id, (file) => this.restoreFile(file, id, tenantId));
  }

  /** @throws AppError 413, 422 when the upload is not a whole backup of this version */
  restoreUpload(upload: Readable, tenantId: string | null): Promise<Restored> {
    return this.workshop.use(async (directory) => {
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
