import { createReadStream, createWriteStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { jitteredBackoffMs } from '../../common/backoff.js';
import type { Environment } from '../../platform/config/environment.js';
import { fileUnreachable, storageFull, storeUnavailable } from './backup.errors.js';

/** Where finished backups lie. */
export interface BackupStore {
  /**
   * Copies the finished file in; it is there under its name only when whole.
   * @param checksum SHA-256 of the file, in hex
   * @throws AppError 503 BACKUP_STORAGE_FULL or BACKUP_STORE_UNAVAILABLE; then nothing is left of it
   */
  keep(id: string, file: string, checksum: string): Promise<void>;
  /** Copies a backup to `file`. @throws AppError 503 BACKUP_UNREACHABLE */
  fetch(id: string, file: string): Promise<void>;
  /** @throws AppError 503 BACKUP_STORE_UNAVAILABLE */
  remove(id: string): Promise<void>;
}

/** Name of a backup's file or object, in every store. */
export const fileName = (id: string): string => `${id}.ndjson.gz`;
const FULL = new Set(['ENOSPC', 'EDQUOT']);
const UNUSABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ESTALE']);

/** What a client is told when files cannot be written; other errors as they are. */
export function fileError(error: unknown): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (FULL.has(code)) return storageFull(error);
  return UNUSABLE.has(code) ? storeUnavailable(error) : error;
}

class DirectoryStore implements BackupStore {
  constructor(private readonly directory: string) {}

  async keep(id: string, file: string): Promise<void> {
    const target = this.pathOf(id);
    const unfinished = `${target}.unfinished`;
    try {
      await fs.mkdir(this.directory, { recursive: true, mode: 0o700 });
      await fs.copyFile(file, unfinished);
      const copy = await fs.open(unfinished, 'r+');
      await copy.sync().finally(() => copy.close());
      await fs.rename(unfinished, target);
    } catch (e) {
      await fs.rm(unfinished, { force: true }).catch(() => undefined);
      throw fileError(e);
    }
  }

  async fetch(id: string, file: string): Promise<void> {
    await fs.copyFile(this.pathOf(id), file).catch((e: unknown) => {
      throw fileUnreachable(e);
    });
  }

  async remove(id: string): Promise<void> {
    await fs.rm(this.pathOf(id), { force: true }).catch((e: unknown) => {
      throw fileError(e);
    });
  }

  private pathOf(id: string): string {
    return path.join(this.directory, fileName(id));
  }
}

const TRIES = 3;
const BACKOFF = { initialMs: 400, maxMs: 1000 };

/** S3 and what speaks like it (MinIO, Ceph, R2). An object appears when its upload is complete. */
class S3Store implements BackupStore {
  constructor(
    private readonly client: S3Client,
    private readonly bucket: string,
    private readonly prefix: string,
  ) {}

  /** The store checks the checksum itself and refuses an upload that was changed on its way. */
  async keep(id: string, file: string, checksum: string): Promise<void> {
    const { size } = await fs.stat(file);
    const ChecksumSHA256 = Buffer.from(checksum, 'hex').toString('base64');
    const upload = async () => {
      const Body = createReadStream(file);
      await this.client
        .send(new PutObjectCommand({ ...this.at(id), Body, ContentLength: size, ChecksumSHA256 }))
        .finally(() => Body.destroy());
    };
    await severalTimes(upload).catch((e: unknown) => {
      throw storeUnavailable(e);
    });
  }

  async fetch(id: string, file: string): Promise<void> {
    const download = async () => {
      const { Body } = await this.client.send(new GetObjectCommand(this.at(id)));
      await pipeline(Body as Readable, createWriteStream(file));
    };
    await severalTimes(download).catch((e: unknown) => {
      const known = fileError(e);
      throw known === e ? fileUnreachable(e) : known;
    });
  }

  async remove(id: string): Promise<void> {
    await severalTimes(() => this.client.send(new DeleteObjectCommand(this.at(id)))).catch((e: unknown) => {
      throw storeUnavailable(e);
    });
  }

  private at(id: string) {
    return { Bucket: this.bucket, Key: this.prefix + fileName(id) };
  }
}

/** The client itself cannot repeat an upload whose stream it has read, nor go on with a download that broke off. */
async function severalTimes<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (e) {
      if (attempt === TRIES || isRefusal(e)) throw e;
      await delay(jitteredBackoffMs(attempt, BACKOFF));
    }
  }
}

/** Wrong credentials or a bucket that is not there stay so. */
const isRefusal = (e: unknown): boolean =>
  [401, 403, 404].includes((e as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0);

/** `BACKUP_TARGET`: `s3://bucket/prefix`, or a directory; `DATA_DIR/backups` when unset. */
export function storeFor(environment: Environment): BackupStore {
  const target = environment.BACKUP_TARGET ?? path.join(environment.DATA_DIR, 'backups');
  const s3 = /^s3:\/\/([^/]+)\/?(.*)$/.exec(target);
  if (!s3) return new DirectoryStore(target);
  const prefix = s3[2] && !s3[2].endsWith('/') ? `${s3[2]}/` : (s3[2] ?? '');
  return new S3Store(s3Client(environment), s3[1]!, prefix);
}

function s3Client(environment: Environment): S3Client {
  const { S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = environment;
  return new S3Client({
    region: S3_REGION,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 5000, socketTimeout: 60_000 },
    // compatible stores rarely have a host name a bucket, nor checksums in trailers
    ...(S3_ENDPOINT && { endpoint: S3_ENDPOINT, forcePathStyle: true }),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(S3_ACCESS_KEY_ID &&
      S3_SECRET_ACCESS_KEY && {
        credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
      }),
  });
}
