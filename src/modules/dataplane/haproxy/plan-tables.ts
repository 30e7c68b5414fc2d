import { commandWord } from './escape.js';
import { type CertificateFile, mapFile, type TableName, type TenantFragment } from './model.js';
import { CERTIFICATE_LIST, certificateLine } from './render-certificates.js';
import { command, type RuntimeCommand } from './runtime-command.js';

/** From one table to the next: what is new or changed, and what goes. */
export interface TableCommands {
  readonly changes: readonly RuntimeCommand[];
  readonly removals: readonly RuntimeCommand[];
}

type Fragments = readonly TenantFragment[];

/** One map, over the tenants that changed. */
export function mapCommands(name: TableName, before: Fragments, after: Fragments): TableCommands {
  const file = mapFile(name);
  const changes: RuntimeCommand[] = [];
  const removals: RuntimeCommand[] = [];
  const old = merged(before.map(({ tables }) => tables.maps[name]));
  const next = merged(after.map(({ tables }) => tables.maps[name]));
  for (const [key, value] of next) {
    const known = old.get(key);
    if (known === value) continue;
    const verb = known === undefined ? 'add' : 'set';
    changes.push(command(`${verb} map ${file} ${commandWord(key)} ${commandWord(value)}`));
  }
  for (const key of old.keys())
    if (!next.has(key)) removals.push(command(`del map ${file} ${commandWord(key)}`));
  return { changes, removals };
}

/** Several maps as one; a single one, the usual case, as it is. */
export const merged = <V>(maps: readonly ReadonlyMap<string, V>[]): ReadonlyMap<string, V> =>
  maps.length === 1 ? maps[0] : new Map(maps.flatMap((map) => [...map]));

/** Lists of patterns. Rules of a deleted route stay until the next reload, and its lists with them, empty. */
export function listCommands(before: Fragments, after: Fragments): TableCommands {
  const changes: RuntimeCommand[] = [];
  const old = new Map(before.flatMap(({ tables }) => [...tables.lists]));
  for (const [file, entries] of after.flatMap(({ tables }) => [...tables.lists])) {
    const known = old.get(file) ?? new Set<string>();
    old.delete(file);
    for (const entry of entries) {
      if (!known.has(entry)) changes.push(command(`add acl ${file} ${commandWord(entry)}`));
    }
    for (const entry of known) {
      if (!entries.has(entry)) changes.push(command(`del acl ${file} ${commandWord(entry)}`));
    }
  }
  return { changes, removals: [...old.keys()].map((file) => command(`clear acl ${file}`)) };
}

/** Certificates. What a file holds is replaced where it is; other names, as another file, take the old one's place. */
export function certificateCommands(before: Fragments, after: Fragments): TableCommands {
  const changes: RuntimeCommand[] = [];
  const old = new Map(before.flatMap(({ certificates }) => [...certificates]));
  for (const certificate of after.flatMap(({ certificates }) => [...certificates.values()])) {
    const known = old.get(certificate.file);
    old.delete(certificate.file);
    if (!known) changes.push(...addCertificate(certificate));
    else if (known.pem !== certificate.pem) changes.push(...setCertificate(certificate));
  }
  return { changes, removals: [...old.keys()].flatMap(removeCertificate) };
}

/** In effect for new handshakes at once, for all of its names (HAProxy Management Guide, "commit ssl cert"). */
const setCertificate = ({ file, pem }: CertificateFile): RuntimeCommand[] => [
  {
    line: `set ssl cert ${file}`,
    payload: pem.trimEnd().split('\n'),
    answer: /^Transaction (?:created|updated)/,
  },
  command(`commit ssl cert ${file}`, /Success!/),
];

function addCertificate(certificate: CertificateFile): RuntimeCommand[] {
  return [
    command(`new ssl cert ${certificate.file}`, /^New empty certificate store/),
    ...setCertificate(certificate),
    {
      line: `add ssl crt-list ${CERTIFICATE_LIST}`,
      payload: [certificateLine(certificate)],
      answer: /Success!/,
    },
  ];
}

function removeCertificate(file: string): RuntimeCommand[] {
  return [
    command(`del ssl crt-list ${CERTIFICATE_LIST} ${file}`, /^Entry .* deleted/),
    command(`del ssl cert ${file}`, /^Certificate .* deleted!/),
  ];
}
