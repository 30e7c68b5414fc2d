import { createHash } from 'node:crypto';
import type { KeyPair } from '../../../common/tls.js';
import { SnapshotRefused } from '../engine.js';
import type { CertificateConfig, ChallengeConfig } from '../snapshot.js';
import { CHALLENGE_PATH } from '../tls.js';
import type { CertificateFile, TenantFragment } from './model.js';

export const CERTIFICATE_LIST = 'certificates.list';
const DEFAULT_FILE = 'certificates/default.pem';

export const pemOf = ({ chain, privateKey }: KeyPair): string => chain + privateKey;

/** Names and content have been checked by validateSlice. */
function certificateFile(certificate: CertificateConfig): CertificateFile {
  const { id, hosts } = certificate;
  for (const host of hosts) {
    if (!/^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(host))
      throw new SnapshotRefused(`certificate: ${host.slice(0, 80)} is not a host`);
  }
  const digest = createHash('sha256')
    .update([id, ...hosts].join(' '))
    .digest('hex')
    .slice(0, 32);
  return { file: `certificates/${digest}.pem`, hosts, pem: pemOf(certificate) };
}

/** A line of the certificate list: file, then the names it is used for. */
export const certificateLine = ({ file, hosts }: CertificateFile): string => [file, ...hosts].join(' ');

/** By file, for the planner and the file writer. */
export const certificateFiles = (certificates: readonly CertificateConfig[]): Map<string, CertificateFile> =>
  new Map(certificates.map(certificateFile).map((each) => [each.file, each]));

/** Key of `challenges.map`: what the frontend makes of host and path. */
export const challengeKey = ({ host, token }: ChallengeConfig): string => host + CHALLENGE_PATH + token;

/** The list that the TLS door reads, with its PEM files. The first one, for no name of its own, is the default. */
export function tlsFiles(
  fragments: readonly TenantFragment[],
  defaultPem: string | null,
): [name: string, text: string][] {
  const certificates = fragments.flatMap((fragment) => [...fragment.certificates.values()]);
  const lines = [
    ...(defaultPem === null ? [] : [`${DEFAULT_FILE} !*`]),
    ...certificates.map(certificateLine),
  ];
  return [
    [CERTIFICATE_LIST, lines.map((line) => `${line}\n`).join('')],
    ...(defaultPem === null ? [] : [[DEFAULT_FILE, defaultPem] as [string, string]]),
    ...certificates.map(({ file, pem }): [string, string] => [file, pem]),
  ];
}
