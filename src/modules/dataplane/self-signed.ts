import { DAY_MS } from '../../common/durations.js';
import type { KeyPair } from '../../common/tls.js';
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** Browsers refuse server certificates that live longer (CA/Browser Forum ballot SC31). */
const LIFE_DAYS = 397;
const RENEW_DAYS = 30;
/** RSA, beside which certificates of any key are shown to clients: see `CIPHERS` of the embedded engine. */
const ALGORITHM = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
};
const FILE = 'self-signed.pem';

/** A certificate that nobody vouches for, for these names. */
export async function selfSigned(names: readonly string[], days = LIFE_DAYS): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${names[0]}`,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + days * DAY_MS),
    extensions: [
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  });
  const privateKey = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    chain: `${certificate.toString('pem').trim()}\n`,
    privateKey: `${x509.PemConverter.encode(privateKey, 'PRIVATE KEY').trim()}\n`,
  };
}

/** The one of this installation, made once and kept in `directory`, so that a browser that was told to trust it goes on. */
export async function keptSelfSigned(directory: string): Promise<KeyPair> {
  const file = join(directory, FILE);
  const known = existsSync(file) ? readPair(readFileSync(file, 'utf8')) : null;
  if (known) return known;
  const made = await selfSigned(['localhost', '*.localhost']);
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, made.chain + made.privateKey, { mode: 0o600 });
  return made;
}

/** Null when it is none, of another kind of key, or about to expire. */
function readPair(text: string): KeyPair | null {
  const at = text.indexOf('-----BEGIN PRIVATE KEY-----');
  try {
    const { validTo, publicKey } = new X509Certificate(text.slice(0, at));
    if (Date.parse(validTo) < Date.now() + RENEW_DAYS * DAY_MS) return null;
    if (publicKey.asymmetricKeyType !== 'rsa') return null;
    return { chain: text.slice(0, at), privateKey: text.slice(at) };
  } catch {
    return null;
  }
}
