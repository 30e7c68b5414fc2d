import { createPrivateKey } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { CertificateAuthority, type IssuedCertificate } from '../../../test/support/certificates.js';
import type { AppError } from '../../common/errors.js';
import { readKeyPair, requireServable } from './key-pair.js';

describe('certificates as they are handed over', () => {
  let ca: CertificateAuthority;
  beforeAll(async () => {
    ca = await CertificateAuthority.create();
  });

  const problemOf = (chain: string, key: string): string => {
    try {
      requireServable(readKeyPair(chain, key));
      return 'none';
    } catch (e) {
      const [detail] = (e as AppError).details;
      return `${detail!.field}: ${detail!.message}`;
    }
  };

  it('are read: names, life, issuer, fingerprint and kind of key', async () => {
    const { chain, privateKey } = await ca.issue(['A.test', '*.a.test'], { days: 10, commonName: 'a' });
    const details = readKeyPair(chain, privateKey);
    expect(details).toMatchObject({
      names: ['a.test', '*.a.test'],
      subject: 'CN=a',
      issuer: 'CN=Test Intermediate',
      keyType: 'EC P-256',
    });
    expect(details.fingerprint).toMatch(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    expect(Math.round((details.notAfter.getTime() - Date.now()) / 86_400_000)).toBe(10);
    expect(readKeyPair(details.chain, details.privateKey)).toEqual(details);
  });

  it('are stored in one form: the root left out, the key as PKCS #8, no text around the blocks', async () => {
    const made = await ca.issue(['a.test'], { rsaBits: 2048 });
    const pkcs1 = createPrivateKey(made.privateKey).export({ type: 'pkcs1', format: 'pem' }).toString();
    const dressed = `subject=x\r\n${made.chain.replaceAll('\n', '\r\n')}${made.root}`;
    const details = readKeyPair(dressed, pkcs1);
    expect(details.chain).toBe(made.chain);
    expect(details.privateKey).toBe(made.privateKey);
    expect(details.keyType).toBe('RSA 2048');
  });

  it('a self-signed one is taken as it is', async () => {
    const { root } = await ca.issue(['a.test']);
    expect(problemOf(root, 'x')).toBe('private_key: private_key must be a private key in PEM');
  });

  it('of a chain out of order, or with a gap, the place is named', async () => {
    const other = await CertificateAuthority.create('Other');
    const [made, strange] = [await ca.issue(['a.test']), await other.issue(['a.test'])];
    const wrong = 'number 2 did not issue number 1';
    expect(problemOf(made.intermediate + made.leaf, made.privateKey)).toContain(wrong);
    expect(problemOf(made.leaf + strange.intermediate, made.privateKey)).toContain(wrong);
    expect(problemOf(made.chain + made.leaf, made.privateKey)).toContain('number 3 did not issue number 2');
  });

  it.each<[string, (made: IssuedCertificate) => [string, string], string]>([
    [
      'nothing in PEM',
      ({ privateKey }) => ['hello', privateKey],
      'certificate: certificate must be certificates in PEM',
    ],
    [
      'a key among the certificates',
      ({ chain, privateKey }) => [chain + privateKey, privateKey],
      'certificates only',
    ],
    [
      'a block that is none',
      ({ chain, privateKey }) => [
        `${chain}-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n`,
        privateKey,
      ],
      'number 3 cannot be read',
    ],
    [
      'one that was cut off, as when not all of it was copied',
      ({ leaf, intermediate, privateKey }) => [leaf + intermediate.slice(0, 200), privateKey],
      'number 2 is not complete',
    ],
    [
      'one whose end is another one’s',
      ({ leaf, intermediate, privateKey }) => [leaf.replace(/-----END.*\n/, '') + intermediate, privateKey],
      'number 1 is not complete',
    ],
    [
      'a key that is none but for its border',
      ({ chain }) => [chain, '-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n'],
      'private_key: private_key must be a private key in PEM',
    ],
    ['no key', ({ chain }) => [chain, chain], 'private_key: private_key must be a private key in PEM'],
    [
      'an encrypted key',
      ({ chain, privateKey }) => [
        chain,
        createPrivateKey(privateKey)
          .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
          .toString(),
      ],
      'must not be encrypted',
    ],
  ])('%s is refused', async (_what, change, problem) => {
    const made = await ca.issue(['a.test']);
    expect(problemOf(...change(made))).toContain(problem);
  });

  it('another one’s key is refused', async () => {
    const [one, two] = [await ca.issue(['a.test']), await ca.issue(['a.test'])];
    expect(problemOf(one.chain, two.privateKey)).toBe(
      'private_key: private_key does not belong to the certificate',
    );
  });

  it('what clients would not accept is refused', async () => {
    const problem = async (...options: Parameters<CertificateAuthority['issue']>) => {
      const { chain, privateKey } = await ca.issue(...options);
      return problemOf(chain, privateKey);
    };
    expect(await problem(['a.test'], { from: -10, days: -1 })).toContain('expired on');
    expect(await problem(['a.test'], { from: 1 })).toContain('is not valid before');
    expect(await problem([])).toContain('names no host');
    expect(await problem(['a b.test'])).toContain('which is no host');
    expect(await problem(['a.test, DNS:b.test'])).toContain("names 'a.test, dns:b.test', which is no host");
    expect(await problem(['a.test'], { usage: x509.ExtendedKeyUsage.clientAuth })).toContain(
      'is not for servers',
    );
    expect(await problem(['a.test'], { rsaBits: 1024 })).toContain('shorter than 2048 bits');
    expect(await problem(['a.test'], { hash: 'SHA-1' })).toContain('SHA-256 or better');
  });
});
