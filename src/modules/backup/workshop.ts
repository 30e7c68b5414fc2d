import fs from 'node:fs/promises';
import path from 'node:path';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { fileError } from './backup-stores.js';

/** Where files are worked on: a directory of this node's own. */
@Injectable()
export class Workshop implements OnApplicationBootstrap {
  private readonly room: string;

  constructor(environment: Environment) {
    this.room = path.join(environment.DATA_DIR, 'backup-work', String(process.pid));
  }

  /** What a process that was killed left behind is of no use. */
  async onApplicationBootstrap(): Promise<void> {
    const parent = path.dirname(this.room);
    for (const name of await fs.readdir(parent).catch(() => []))
      if (!isRunning(Number(name))) await fs.rm(path.join(parent, name), { recursive: true, force: true });
  }

  /** Gives `work` a directory, which is gone afterwards. @throws AppError 503 when files cannot be written */
  async use<T>(work: (directory: string) => Promise<T>): Promise<T> {
    const directory = await this.bench();
    try {
      return await work(directory);
    } catch (e) {
      throw fileError(e);
    } finally {
      await fs.rm(directory, { recursive: true, force: true });
    }
  }

  private async bench(): Promise<string> {
    try {
      await fs.mkdir(this.room, { recursive: true, mode: 0o700 });
      return await fs.mkdtemp(path.join(this.room, 'backup-'));
    } catch (e) {
      throw fileError(e);
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === 'EPERM';
  }
}
