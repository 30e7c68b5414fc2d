import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { Environment } from '../config/environment.js';

/** 256 bits of randomness, URL-safe. */
export const randomToken = (): string => randomBytes(32).toString('base64url');

/** SHA-256 in hex: enough for tokens of 256 random bits, which cannot be guessed from a stolen table. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Outside production a secret that is not set is made once and kept beside the data. */
function keptSecret(environment: Environment, name: string): string {
  const file = path.join(environment.DATA_DIR, `${name}.key`);
  fs.mkdirSync(environment.DATA_DIR, { recursive: true });
  try {
    fs.writeFileSync(file, randomToken(), { flag: 'wx', mode: 0o600 });
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
  }
  return fs.readFileSync(file, 'utf8').trim();
}

/** The installation's keys. Nodes that share a database must be given the same JWT_SECRET and ENCRYPTION_KEY. */
@Injectable()
export class Secrets {
  /** Signs access tokens. A KeyObject: a string secret costs jsonwebtoken 490 µs a verification (STACK.md §3). */
  readonly jwtKey: KeyObject;
  private readonly encryptionKey: Buffer;

  constructor(environment: Environment) {
    const jwt = environment.JWT_SECRET ?? keptSecret(environment, 'jwt');
    const encryption = environment.ENCRYPTION_KEY ?? keptSecret(environment, 'encryption');
    this.jwtKey = createSecretKey(Buffer.from(jwt));
    this.encryptionKey = Buffer.from(hkdfSync('sha256', encryption, '', 'veloflux secrets at rest', 32));
  }

  /** AES-256-GCM; `purpose` is bound to the text, so that a value cannot be moved to another field. */
  encrypt(plain: string, purpose: string): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.encryptionKey, iv).setAAD(Buffer.from(purpose));
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return `v1.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`;
  }

  /** @throws Error when the text was altered, is of another purpose, or the key is not the one it was made with */
  decrypt(text: string, purpose: string): string {
    if (!text.startsWith('v1.')) throw new Error('unknown version of an encrypted value');
    const data = Buffer.from(text.slice(3), 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.encryptionKey, data.subarray(0, 12))
      .setAAD(Buffer.from(purpose))
      .setAuthTag(data.subarray(12, 28));
    return Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]).toString('utf8');
  }
}
