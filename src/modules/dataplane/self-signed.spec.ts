import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keptSelfSigned, selfSigned } from './self-signed.js';

describe('the self-signed certificate', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vf-self-signed-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is made once and kept, for us alone to read', async () => {
    const made = await keptSelfSigned(join(directory, 'data'));
    expect(await keptSelfSigned(join(directory, 'data'))).toEqual(made);
    expect(new X509Certificate(made.chain).checkHost('localhost')).toBe('localhost');
    expect(statSync(join(directory, 'data', 'self-signed.pem')).mode & 0o077).toBe(0);
  });

  it('is made anew before it expires, and when the file is spoilt', async () => {
    const old = await selfSigned(['localhost'], 20);
    writeFileSync(join(directory, 'self-signed.pem'), old.chain + old.privateKey);
    const next = await keptSelfSigned(directory);
    expect(next.chain).not.toBe(old.chain);
    expect(new X509Certificate(next.chain).publicKey.asymmetricKeyType).toBe('rsa');
    writeFileSync(join(directory, 'self-signed.pem'), 'nonsense');
    expect((await keptSelfSigned(directory)).chain).not.toBe(next.chain);
  });
});
