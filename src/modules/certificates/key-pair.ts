import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type KeyPair, secureContextOf } from '../../common/tls.js';
import { chainRefused, keyRefused } from './certificates.errors.js';

/** What a certificate says of itself, with the PEM in the one form that is stored. */
export interface KeyPairDetails extends KeyPair {
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
/** What OpenSSL says of a signature by SHA-1 or MD5, which clients refuse as well. */
const WEAK_HASH = 'ca md too weak';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
/** As node:crypto tells them: a type and a value, which is a JSON string where it would be ambiguous otherwise. */
const ALTERNATIVE_NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/gy;
const DNS_NAME =
  /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;
const PKCS8 = /^\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/;
const PEM_LINE = /.{1,64}/g;

/**
 * Reads what an operator or a certificate authority hands over and refuses what a client would; whether the key is the
 * certificate's is OpenSSL's to say, see {@link requireServable}.
 * @throws AppError 422 naming the field and what is wrong with it
 */
export function readKeyPair(certificate: string, privateKey: string, now = new Date()): KeyPairDetails {
  const chain = withoutRoot(certificatesIn(certificate));
  checkOrder(chain);
  chain.forEach(checkStrength);
  const [leaf] = chain as [X509Certificate];
  const key = { privateKey: pkcs8Of(privateKey), keyType: keyTypeOf(leaf.publicKey) };
  return { ...describe(leaf, now), chain: pemOf(chain), ...key };
}

/**
 * Finds out whether a listener can serve the pair: one that cannot be loaded would keep HAProxy from taking any
 * configuration. What OpenSSL makes of it is kept for the engine, see {@link secureContextOf}.
 * @throws AppError 422 naming the field and what is wrong with it
 */
export function requireServable(pair: KeyPair): void {
  try {
    secureContextOf(pair);
  } catch (e) {
    const key = keyIn(pair.privateKey);
    if (!new X509Certificate(pair.chain).checkPrivateKey(key))
      throw keyRefused('does not belong to the certificate');
    const { reason, message } = e as Error & { reason?: string };
    if (reason === WEAK_HASH) throw chainRefused('must be signed with SHA-256 or better');
    throw chainRefused(`cannot be served: ${reason ?? message}`);
  }
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

function checkStrength({ publicKey }: X509Certificate): void {
  const weak = keyProblem(publicKey);
  if (weak) throw chainRefused(`has a key that ${weak}`);
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

/** The form that most keys come in needs no reading here. */
function pkcs8Of(pem: string): string {
  if (/ENCRYPTED/.test(pem)) throw keyRefused('must not be encrypted');
  const body = PKCS8.exec(pem)?.[1];
  if (body === undefined) return `${keyIn(pem).export({ type: 'pkcs8', format: 'pem' }).toString().trim()}\n`;
  const lines = body.replace(/\s/g, '').match(PEM_LINE) ?? [];
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}

function keyIn(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw keyRefused('must be a private key in PEM');
  }
}

function describe(leaf: X509Certificate, now: Date) {
  const [notBefore, notAfter] = [new Date(leaf.validFrom), new Date(leaf.validTo)];
  if (notAfter <= now) throw chainRefused(`expired on ${notAfter.toISOString()}`);
  if (notBefore > now) throw chainRefused(`is not valid before ${notBefore.toISOString()}`);
  if (leaf.keyUsage && !leaf.keyUsage.includes(SERVER_AUTH)) throw chainRefused('is not for servers');
  const names = namesOf(leaf);
  if (names.length === 0) throw chainRefused('names no host (subjectAltName)');
  const odd = names.find((name) => !DNS_NAME.test(name));
  if (odd !== undefined) throw chainRefused(`names '${odd.slice(0, 100)}', which is no host`);
  return {
    names,
    subject: onOneLine(leaf.subject),
    issuer: onOneLine(leaf.issuer),
    serialNumber: leaf.serialNumber.toLowerCase(),
    fingerprint: leaf.fingerprint256,
    notBefore,
    notAfter,
  };
}

function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  const names = [...subjectAltName.matchAll(ALTERNATIVE_NAME)].filter(([, type]) => type === 'DNS');
  const values = names.map(([, , value]) =>
    value!.startsWith('"') ? (JSON.parse(value!) as string) : value!,
  );
  return [...new Set(values.map((value) => value.toLowerCase()))];
}

/** node:crypto gives each attribute of a name a line of its own. */
const onOneLine = (name: string): string => name.replaceAll('\n', ', ');

const pemOf = (chain: readonly X509Certificate[]): string =>
  chain.map((each) => `${each.toString().trim()}\n`).join('');

function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'rsa') return `RSA ${asymmetricKeyDetails?.modulusLength}`;
  return `EC ${CURVES[asymmetricKeyDetails?.namedCurve ?? '']}`;
}
