import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip, createGzip } from 'node:zlib';
import { backupDamaged } from './backup.errors.js';

export interface WrittenFile {
  /** Bytes. */
  size: number;
  /** SHA-256 of the whole file, in hex. */
  checksum: string;
}

/**
 * The last bytes of a backup: a gzip member of its own that holds the SHA-256 of all bytes before it. A file is good
 * when they are exactly these, so that any changed or missing byte shows, also in places that gzip does not check
 * (RFC 1952: time, flags, padding bits). `zcat` reads such a file to the end.
 */
function sealOf(sha256: string): Buffer {
  const text = Buffer.from(`{"seal":"sha256:${sha256}"}\n`);
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1, 0, 0, 0, 0]);
  head.writeUInt16LE(text.length, 11);
  head.writeUInt16LE(~text.length & 0xffff, 13);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(text), 0);
  tail.writeUInt32LE(text.length, 4);
  return Buffer.concat([head, text, tail]);
}

const SEAL_BYTES = sealOf('0'.repeat(64)).length;

/**
 * Writes the lines, compressed and sealed. The file is there under `path` only when it is whole and on the disk;
 * when anything fails nothing is left.
 */
export async function writeBackupFile(path: string, lines: AsyncIterable<string>): Promise<WrittenFile> {
  const unfinished = `${path}.unfinished`;
  try {
    const written = await writeSealed(unfinished, lines);
    await fs.rename(unfinished, path);
    await syncDirectory(dirname(path));
    return written;
  } catch (e) {
    await fs.rm(unfinished, { force: true });
    throw e;
  }
}

async function writeSealed(path: string, lines: AsyncIterable<string>): Promise<WrittenFile> {
  const file = await fs.open(path, 'w', 0o600);
  try {
    const body = createHash('sha256');
    const whole = createHash('sha256');
    let size = 0;
    let failure: unknown;
    const write = async (chunk: Buffer) => {
      body.update(chunk);
      whole.update(chunk);
      size += chunk.length;
      // the pipeline itself would only tell that it was aborted
      await file.writeFile(chunk).catch((e: unknown) => {
        failure = e;
        throw e;
      });
    };
    await pipeline(Readable.from(lines), createGzip(), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) await write(chunk);
    }).catch((e: unknown) => {
      throw failure ?? e;
    });
    const seal = sealOf(body.digest('hex'));
    await file.writeFile(seal);
    await file.sync();
    return { size: size + seal.length, checksum: whole.update(seal).digest('hex') };
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, 'r');
  await directory.sync().finally(() => directory.close());
}

/**
 * Reads the whole file once and checks its seal.
 * @returns its SHA-256 in hex
 * @throws AppError 422 BACKUP_DAMAGED
 */
export async function checkSeal(path: string): Promise<string> {
  const { size } = await fs.stat(path);
  if (size <= SEAL_BYTES) throw backupDamaged('the file is too short');
  const body = createHash('sha256');
  for await (const chunk of createReadStream(path, { end: size - SEAL_BYTES - 1 })) body.update(chunk);
  const seal = await fs.open(path);
  const bytes = Buffer.alloc(SEAL_BYTES);
  await seal.read(bytes, 0, SEAL_BYTES, size - SEAL_BYTES).finally(() => seal.close());
  const whole = body.copy().update(bytes).digest('hex');
  if (!bytes.equals(sealOf(body.digest('hex')))) throw backupDamaged('the file is not as it was written');
  return whole;
}

/** The lines of a file whose seal was checked, without the seal's. */
export async function* readBackupLines(path: string): AsyncGenerator<string> {
  const source = createReadStream(path);
  const text = createGunzip();
  source.on('error', (e) => text.destroy(e));
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source.pipe(text) as AsyncIterable<Buffer>) {
    const data = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, from)) {
      const line = data.toString('utf8', from, at);
      if (!line.startsWith('{"seal":')) yield line;
      from = at + 1;
    }
    rest = data.subarray(from);
  }
}
