import { createReadStream, createWriteStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Environment } from '../../platform/config/environment.js';
import { fileUnreachable } from './backup.errors.js';

/** Where finished backups lie. */
export interface BackupStore {
  /** Moves the finished file in; it is there under its name only when whole. */
  keep(id: string, file: string): Promise<void>;
  /** Copies a backup to `file`. @throws AppError 503 BACKUP_UNREACHABLE */
  fetch(id: string, file: string): Promise<void>;
  remove(id: string): Promise<void>;
}

export const fileName = (id: string): string => `${id}.ndjson.gz`;

export class DirectoryStore implements BackupStore {
  constructor(private readonly directory: string) {}

  async keep(id: string, file: string): Promise<void> {
    await fs.mkdir(this.directory, { recursive: true, mode: 0o700 });
    const target = this.pathOf(id);
    await fs.copyFile(file, `${target}.unfinished`);
    const copy = await fs.open(`${target}.unfinished`, 'r+');
    await copy.sync().finally(() => copy.close());
    await fs.rename(`${target}.unfinished`, target);
  }

  async fetch(id: string, file: string): Promise<void> {
    await fs.copyFile(this.pathOf(id), file).catch((e: unknown) => {
      throw fileUnreachable(e);
    });
  }

  async remove(id: string): Promise<void> {
    await fs.rm(this.pathOf(id), { force: true });
  }

  private pathOf(id: string): string {
    return path.join(this.directory, fileName(id));
  }
}

/** S3 and what speaks like it (MinIO, Ceph, R2). An object appears when its upload is complete. */
export class S3Store implements BackupStore {
  constructor(
    private readonly client: S3Client,
    private readonly bucket: string,
    private readonly prefix: string,
  ) {}

  async keep(id: string, file: string): Promise<void> {
    const { size } = await fs.stat(file);
    await this.client.send(
      new PutObjectCommand({ ...this.at(id), Body: createReadStream(file), ContentLength: size }),
    );
  }

  async fetch(id: string, file: string): Promise<void> {
    try {
      const { Body } = await this.client.send(new GetObjectCommand(this.at(id)));
      await pipeline(Body as Readable, createWriteStream(file));
    } catch (e) {
      throw fileUnreachable(e);
    }
  }

  async remove(id: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand(this.at(id)));
  }

  private at(id: string) {
    return { Bucket: this.bucket, Key: this.prefix + fileName(id) };
  }
}

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
