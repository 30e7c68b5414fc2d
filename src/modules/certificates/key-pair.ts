import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { chainRefused, keyRefused } from './certificates.errors.js';

/** What a certificate says of itself, with the PEM in the one form that is stored. */
export interface KeyPairDetails {
  /** The server's own certificate, then each that vouches for the one before, without the root. */
  readonly chain: string;
  /** PKCS #8. */
  readonly privateKey: string;
  /** DNS names, lower case (RFC 5280 §4.2.1.6). The common name does not count (RFC 6125 §6.4.4). */
  readonly names: string[];
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  /** SHA-256 of the certificate in DER, hex with colons. */
  readonly fingerprint: string;
  /** `RSA 2048`, `EC P-256`. */
  readonly keyType: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const MOST_CERTIFICATES = 10;
const LEAST_RSA_BITS = 2048;
const CURVES: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
/** SHA-1 and MD5 signatures are refused by clients, and by OpenSSL at the usual security level. */
const HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const DNS_NAME =
  /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;

/**
 * Reads what an operator or a certificate authority hands over and refuses what a data plane or a client would: one
 * that cannot be loaded would keep HAProxy from taking any configuration.
 * @throws AppError 422 naming the field and what is wrong with it
 */
export function readKeyPair(certificate: string, privateKey: string, now = new Date()): KeyPairDetails {
  const chain = withoutRoot(certificatesIn(certificate));
  checkOrder(chain);
  chain.forEach(checkStrength);
  const [leaf] = chain as [X509Certificate];
  const key = readKey(privateKey);
  if (!leaf.checkPrivateKey(key)) throw keyRefused('does not belong to the certificate');
  return { ...describe(leaf, now), chain: pemOf(chain), privateKey: exported(key), keyType: keyTypeOf(key) };
}

function certificatesIn(text: string): X509Certificate[] {
  const begun = [...text.matchAll(BEGIN)];
  const blocks = [...text.matchAll(BLOCK)];
  if (begun.length === 0) throw chainRefused('must be certificates in PEM');
  if (begun.some(([, label]) => label !== 'CERTIFICATE')) throw chainRefused('must hold certificates only');
  // Left out, it would be missed by clients that need it to come to a root.
  const cut = begun.findIndex(({ index }, i) => blocks[i]?.index !== index);
  if (cut >= 0) throw chainRefused(`number ${cut + 1} is not complete`);
  if (blocks.length > MOST_CERTIFICATES)
    throw chainRefused(`must be at most ${MOST_CERTIFICATES} certificates`);
  return blocks.map(([block], i) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw chainRefused(`number ${i + 1} cannot be read`);
    }
  });
}

/** Clients have the root or do not trust it; it need not be sent (RFC 8446 §4.4.2). */
function withoutRoot(chain: X509Certificate[]): X509Certificate[] {
  const last = chain.at(-1)!;
  return chain.length > 1 && isSelfIssued(last) ? chain.slice(0, -1) : chain;
}

const isSelfIssued = (certificate: X509Certificate): boolean => certificate.checkIssued(certificate);

function checkOrder(chain: readonly X509Certificate[]): void {
  for (const [i, certificate] of chain.slice(0, -1).entries()) {
    const issuer = chain[i + 1]!;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
      throw chainRefused(
        `is not a chain in order: number ${i + 2} did not issue number ${i + 1}; the server's own comes first`,
      );
  }
}

function checkStrength(certificate: X509Certificate): void {
  const weak = keyProblem(certificate.publicKey);
  if (weak) throw chainRefused(`has a key that ${weak}`);
  if (isSelfIssued(certificate)) return;
  const { hash } = new x509.X509Certificate(certificate.raw).signatureAlgorithm;
  if (!HASHES.includes(hash?.name)) throw chainRefused('must be signed with SHA-256 or better');
}

/** Why a key is of no use here, null when it is. */
function keyProblem({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null {
  if (asymmetricKeyType === 'rsa')
    return (asymmetricKeyDetails?.modulusLength ?? 0) < LEAST_RSA_BITS
      ? `is shorter than ${LEAST_RSA_BITS} bits`
      : null;
  const isUsual = asymmetricKeyType === 'ec' && CURVES[asymmetricKeyDetails?.namedCurve ?? ''] !== undefined;
  return isUsual ? null : 'is neither RSA nor on a NIST curve (P-256, P-384, P-521)';
}

function readKey(pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) throw keyRefused('must not be encrypted');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw keyRefused('must be a private key in PEM');
  }
  const problem = keyProblem(key);
  if (problem) throw keyRefused(problem);
  return key;
}

function describe(leaf: X509Certificate, now: Date) {
  const { notBefore, notAfter, subject, issuer, serialNumber, names } = parsed(leaf);
  if (notAfter <= now) throw chainRefused(`expired on ${notAfter.toISOString()}`);
  if (notBefore > now) throw chainRefused(`is not valid before ${notBefore.toISOString()}`);
  if (leaf.keyUsage && !leaf.keyUsage.includes(SERVER_AUTH)) throw chainRefused('is not for servers');
  if (names.length === 0) throw chainRefused('names no host (subjectAltName)');
  const odd = names.find((name) => !DNS_NAME.test(name));
  if (odd !== undefined) throw chainRefused(`names '${odd.slice(0, 100)}', which is no host`);
  return { names, subject, issuer, serialNumber, notBefore, notAfter, fingerprint: leaf.fingerprint256 };
}

function parsed(leaf: X509Certificate) {
  const certificate = new x509.X509Certificate(leaf.raw);
  const extension = certificate.getExtension(SUBJECT_ALTERNATIVE_NAME) as
    | x509.SubjectAlternativeNameExtension
    | null
    | undefined;
  const dns = extension?.names.items.filter(({ type }) => type === 'dns') ?? [];
  const { notBefore, notAfter, subject, issuer, serialNumber } = certificate;
  const names = [...new Set(dns.map(({ value }) => value.toLowerCase()))];
  return { notBefore, notAfter, subject, issuer, serialNumber, names };
}

const pemOf = (chain: readonly X509Certificate[]): string =>
  chain.map((certificate) => `${certificate.toString().trim()}\n`).join('');

const exported = (key: KeyObject): string =>
  `${key.export({ type: 'pkcs8', format: 'pem' }).toString().trim()}\n`;

function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'rsa') return `RSA ${asymmetricKeyDetails?.modulusLength}`;
  return `EC ${CURVES[asymmetricKeyDetails?.namedCurve ?? '']}`;
}
