import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { checkSeal, readBackupLines, writeBackupFile } from './backup-file.js';

async function* lines(n: number) {
  for (let i = 0; i < n; i++) yield `${JSON.stringify({ i, text: 'separated\u2028by nothing' })}\n`;
}

describe('a backup file', () => {
  let dir: string;
  let file: string;
  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), 'backup-'));
    file = path.join(dir, 'backup.ndjson.gz');
  });
  afterEach(() => fs.rm(dir, { recursive: true }));

  it('gives back the lines that were written', async () => {
    await writeBackupFile(file, lines(20_000));
    const read: string[] = [];
    for await (const line of readBackupLines(file)) read.push(line);
    expect(read).toHaveLength(20_000);
    expect(JSON.parse(read[19_999]!)).toEqual({ i: 19_999, text: 'separated\u2028by nothing' });
  });

  it('has the size and checksum that were told, and is readable by gzip itself', async () => {
    const written = await writeBackupFile(file, lines(3));
    expect((await fs.stat(file)).size).toBe(written.size);
    expect(await checkSeal(file)).toBe(written.checksum);
    expect(execFileSync('sha256sum', [file]).toString()).toContain(written.checksum);
    expect(execFileSync('gzip', ['-dc', file]).toString()).toContain('"i":2');
  });

  it('is refused with any one byte changed', async () => {
    const { size } = await writeBackupFile(file, lines(1));
    const good = await fs.readFile(file);
    for (let at = 0; at < size; at++) {
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (at % 8);
      await fs.writeFile(file, bad);
      await expect(checkSeal(file)).rejects.toMatchObject({ status: 422, code: 'BACKUP_DAMAGED' });
    }
  });

  it('is refused when cut anywhere, or longer', async () => {
    const { size } = await writeBackupFile(file, lines(1));
    const good = await fs.readFile(file);
    for (const length of [0, 1, 20, size - 100, size - 1]) {
      await fs.writeFile(file, good.subarray(0, length));
      await expect(checkSeal(file)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    }
    await fs.writeFile(file, Buffer.concat([good, good]));
    await expect(checkSeal(file)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
  });

  it('leaves nothing under any name when the source fails half way', async () => {
    async function* failing() {
      yield* lines(10_000);
      throw new Error('the database went away');
    }
    await expect(writeBackupFile(file, failing())).rejects.toThrow('went away');
    expect(await fs.readdir(dir)).toEqual([]);
  });

  it('leaves nothing when the disk is full', async () => {
    await fs.symlink('/dev/full', `${file}.unfinished`);
    await expect(writeBackupFile(file, lines(10_000))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await fs.readdir(dir)).toEqual([]);
  });
});
