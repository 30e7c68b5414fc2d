import { AppError, notFound, unavailable } from '../../common/errors.js';

export const backupNotFound = (id: string) => notFound('Backup', id);
/** Nothing was changed. */
export const backupDamaged = (what: string, cause?: unknown) =>
  new AppError(422, 'BACKUP_DAMAGED', `The backup is refused, nothing was changed: ${what}`, { cause });
export const backupOfOtherVersion = (what: string) =>
  new AppError(422, 'BACKUP_VERSION', `The backup is refused, nothing was changed: ${what}`);
export const tenantNotInBackup = (id: string) =>
  new AppError(404, 'NOT_FOUND', `The backup has no tenant '${id}'`);
export const restoreConflict = (constraint: string, cause: unknown) =>
  new AppError(
    409,
    'RESTORE_CONFLICT',
    `Nothing was changed: what the backup holds clashes with what exists now (${constraint})`,
    { cause },
  );
export const storageFull = (cause: unknown) =>
  unavailable('BACKUP_STORAGE_FULL', 'There is no room for the backup', 60, cause);
export const storeUnavailable = (cause: unknown) =>
  unavailable('BACKUP_STORE_UNAVAILABLE', 'The place for backups takes no files now; try again', 30, cause);
export const fileUnreachable = (cause?: unknown) =>
  unavailable('BACKUP_UNREACHABLE', 'The file of this backup cannot be read here', 30, cause);
export const uploadTooLarge = (bytes: number) =>
  new AppError(413, 'PAYLOAD_TOO_LARGE', `An uploaded backup has at most ${bytes} bytes`);
