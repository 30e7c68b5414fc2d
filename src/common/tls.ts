import { createHash } from 'node:crypto';
import {
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls';
import { LRUCache } from 'lru-cache';

/** A certificate chain, the server's own first, with its key; PEM. */
export interface KeyPair {
  readonly chain: string;
  readonly privateKey: string;
}

/** RFC 8996 ends TLS 1.0 and 1.1. */
const OLDEST_TLS = 'TLSv1.2';

/**
 * Node adds a name's certificate to the listener's own, one for each kind of key, and the cipher decides between them:
 * with a default on RSA and ECDSA first it is always the name's (a name's on RSA takes the default's place).
 */
const ecdsaFirst = (a: string, b: string): number =>
  Number(b.includes('ECDSA')) - Number(a.includes('ECDSA'));
const CIPHERS = DEFAULT_CIPHERS.split(':').sort(ecdsaFirst).join(':');

/** How a listener of ours speaks TLS; without a pair for one that has no certificate of its own. */
export const listenerOptions = (pair: KeyPair | null): SecureContextOptions => ({
  ...(pair && { cert: pair.chain, key: pair.privateKey }),
  minVersion: OLDEST_TLS,
  ciphers: CIPHERS,
});

/** From the acceptance of a pair until it is served, with room for the most that one tenant may have. */
const contexts = new LRUCache<string, SecureContext>({ max: 500, ttl: 60_000, ttlAutopurge: true });

/**
 * What OpenSSL makes of a pair, for a listener that serves it. That takes most of the time of a change of a certificate,
 * so it is kept for a minute: the engine has what the acceptance of the pair has made.
 * @throws OpenSSL's error when it cannot read the pair, the key is not the certificate's, or one of them is too weak
 */
export function secureContextOf(pair: KeyPair): SecureContext {
  const digest = createHash('sha256').update(pair.chain).update(pair.privateKey).digest('base64');
  const known = contexts.get(digest);
  if (known) return known;
  const context = createSecureContext(listenerOptions(pair));
  contexts.set(digest, context);
  return context;
}
