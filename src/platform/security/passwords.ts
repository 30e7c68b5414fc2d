import os from 'node:os';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import PQueue from 'p-queue';
import { unavailable } from '../../common/errors.js';

/** OWASP's first recommendation for Argon2id: 19 MiB, two passes, one lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const MAX_WAITING = 20;

/** Hashes and checks passwords, at most one a core at a time; a longer queue answers 503 instead of growing. */
@Injectable()
export class PasswordHasher {
  private readonly queue = new PQueue({ concurrency: Math.max(1, os.availableParallelism()) });
  private readonly decoy = this.hash('no user has this password');

  hash(password: string): Promise<string> {
    return this.enqueue(() => hash(password, OPTIONS));
  }

  /** False for a null hash too, after the same work: an unknown user must not answer faster. */
  async verify(stored: string | null, password: string): Promise<boolean> {
    const against = stored ?? (await this.decoy);
    const matches = await this.enqueue(() => verify(against, password).catch(() => false));
    return stored !== null && matches;
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    if (this.queue.size >= MAX_WAITING)
      throw unavailable('TOO_BUSY', 'Too many sign-ins at once; try again in a moment', 1);
    return this.queue.add(work) as Promise<T>;
  }
}
