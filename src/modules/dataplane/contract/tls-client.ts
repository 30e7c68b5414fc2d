import { request } from 'node:https';
import { connect, type PeerCertificate, type SecureVersion } from 'node:tls';
import type { DataPlaneEngine } from '../engine.js';
import { type Answer, type ClientOptions, send } from './support.js';

const LOOPBACK = '127.0.0.1';

export interface TlsClientOptions extends ClientOptions {
  /** PEM of the root that the client trusts; absent: it trusts anybody. */
  readonly root?: string;
}

/** One request over TLS on a connection of its own; the host is also the name that is asked for (SNI). */
export function getTls(
  engine: DataPlaneEngine,
  path = '/',
  { host = 'a.test', method = 'GET', headers = {}, body, root }: TlsClientOptions = {},
): Promise<Answer> {
  const outgoing = request({
    host: LOOPBACK,
    port: engine.health().ports.https!,
    path,
    method,
    headers: { host, ...headers },
    servername: host,
    agent: false,
    timeout: 15_000,
    ...(root === undefined ? { rejectUnauthorized: false } : { ca: root }),
  });
  return send(outgoing, body);
}

export interface Handshake {
  readonly commonName: string;
  readonly certificate: PeerCertificate;
  readonly protocol: string | null;
  /** Application protocol that was agreed on (ALPN). */
  readonly application: string | false | null;
}

export interface HandshakeOptions {
  readonly versions?: readonly [least: SecureVersion, most: SecureVersion];
  readonly protocols?: string[];
}

/** What a client that asks for this name is shown; null when it is turned away. @param name Empty: it names no host. */
export function handshake(
  engine: DataPlaneEngine,
  name: string,
  { versions, protocols }: HandshakeOptions = {},
): Promise<Handshake | null> {
  return new Promise((resolve) => {
    const socket = connect({
      host: LOOPBACK,
      port: engine.health().ports.https!,
      ...(name !== '' && { servername: name }),
      rejectUnauthorized: false,
      // Or this side would already refuse to speak old versions.
      ...(versions && { minVersion: versions[0], maxVersion: versions[1], ciphers: 'DEFAULT@SECLEVEL=0' }),
      ...(protocols && { ALPNProtocols: protocols }),
    });
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerCertificate();
      resolve({
        commonName: String(certificate.subject.CN),
        certificate,
        protocol: socket.getProtocol(),
        application: socket.alpnProtocol,
      });
      socket.destroy();
    });
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(null));
  });
}

/** Common name of the certificate that is shown for this name, null when the client is turned away. */
export const commonName = async (engine: DataPlaneEngine, name: string): Promise<string | null> =>
  (await handshake(engine, name))?.commonName ?? null;
