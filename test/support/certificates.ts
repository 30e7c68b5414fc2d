import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const DAY_MS = 86_400_000;
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA = (bits: number, hash: string) => ({
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: bits,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash,
});

export interface IssuedCertificate {
  /** The leaf, then what vouches for it but the root. */
  readonly chain: string;
  readonly privateKey: string;
  /** The root's PEM, for clients. */
  readonly root: string;
  /** PEM of the leaf alone. */
  readonly leaf: string;
  readonly intermediate: string;
}

export interface CertificateOptions {
  /** Days from now; default 90. */
  readonly days?: number;
  /** Days from now that it begins; default −1. */
  readonly from?: number;
  readonly commonName?: string;
  /** Default: EC P-256. */
  readonly rsaBits?: number;
  readonly hash?: 'SHA-256' | 'SHA-1';
  readonly usage?: x509.ExtendedKeyUsage;
}

const pem = (text: string): string => `${text.trim()}\n`;
const at = (days: number): Date => new Date(Date.now() + days * DAY_MS);
let serial = 1;

/** A small certificate authority with a root and an intermediate one. */
export class CertificateAuthority {
  private constructor(
    private readonly root: x509.X509Certificate,
    private readonly intermediate: x509.X509Certificate,
    private readonly key: webcrypto.CryptoKey,
  ) {}

  static async create(name = 'Test'): Promise<CertificateAuthority> {
    const [rootKeys, keys] = await Promise.all([keyPair(), keyPair()]);
    const authority = (depth: number) => [
      new x509.BasicConstraintsExtension(true, depth, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ];
    const life = { notBefore: at(-2), notAfter: at(3650), signingAlgorithm: EC };
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      ...life,
      name: `CN=${name} Root`,
      keys: rootKeys,
      extensions: authority(1),
    });
    const intermediate = await x509.X509CertificateGenerator.create({
      ...life,
      subject: `CN=${name} Intermediate`,
      issuer: root.subject,
      publicKey: keys.publicKey,
      signingKey: rootKeys.privateKey,
      extensions: authority(0),
    });
    return new CertificateAuthority(root, intermediate, keys.privateKey);
  }

  get rootPem(): string {
    return pem(this.root.toString('pem'));
  }

  async issue(hosts: readonly string[], options: CertificateOptions = {}): Promise<IssuedCertificate> {
    const algorithm = options.rsaBits ? RSA(options.rsaBits, 'SHA-256') : EC;
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    const leaf = await this.sign(keys.publicKey, hosts, options);
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const intermediate = pem(this.intermediate.toString('pem'));
    return {
      chain: leaf + intermediate,
      leaf,
      intermediate,
      root: this.rootPem,
      privateKey: pem(x509.PemConverter.encode(der, 'PRIVATE KEY')),
    };
  }

  /** What a certificate authority answers to a request (PKCS #10), as a chain. */
  async answer(csr: string, options: CertificateOptions = {}): Promise<{ chain: string; hosts: string[] }> {
    const request = new x509.Pkcs10CertificateRequest(csr);
    const names = request.getExtension('2.5.29.17') as x509.SubjectAlternativeNameExtension;
    const hosts = names.names.items.map(({ value }) => value);
    const key = (await request.publicKey.export()) as webcrypto.CryptoKey;
    const leaf = await this.sign(key, hosts, options);
    return { chain: leaf + pem(this.intermediate.toString('pem')), hosts };
  }

  private async sign(
    publicKey: webcrypto.CryptoKey,
    hosts: readonly string[],
    options: CertificateOptions,
  ): Promise<string> {
    const { days = 90, from = -1, commonName = hosts[0] ?? 'nobody', hash = 'SHA-256', usage } = options;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: (0x1000 + serial++).toString(16),
      subject: `CN=${commonName}`,
      issuer: this.intermediate.subject,
      publicKey,
      signingKey: this.key,
      signingAlgorithm: { ...EC, hash },
      notBefore: at(from),
      notAfter: at(days),
      extensions: [
        ...(hosts.length
          ? [new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value })))]
          : []),
        new x509.ExtendedKeyUsageExtension([usage ?? x509.ExtendedKeyUsage.serverAuth]),
      ],
    });
    return pem(certificate.toString('pem'));
  }
}

const keyPair = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
