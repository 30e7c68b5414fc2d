import { commandWord } from './escape.js';
import { type CertificateFile, mapFile, type TableName, type TenantFragment } from './model.js';
import { CERTIFICATE_LIST, certificateLine } from './render.js';
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
  const old = new Map(before.flatMap(({ tables }) => [...tables.maps[name]]));
  for (const [key, value] of after.flatMap(({ tables }) => [...tables.maps[name]])) {
    const known = old.get(key);
    old.delete(key);
    if (known === value) continue;
    const verb = known === undefined ? 'add' : 'set';
    changes.push(command(`${verb} map ${file} ${commandWord(key)} ${commandWord(value)}`));
  }
  const removals = [...old.keys()].map((key) => command(`del map ${file} ${commandWord(key)}`));
  return { changes, removals };
}

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

/** Certificates. `problems`: what only a reload can do. */
export function certificateCommands(
  before: readonly CertificateFile[],
  after: readonly CertificateFile[],
): TableCommands & { readonly problems: readonly string[] } {
  const changes: RuntimeCommand[] = [];
  const problems: string[] = [];
  const old = new Map(before.map((certificate) => [certificate.pemPath, certificate]));
  for (const certificate of after) {
    const { pemPath, revision } = certificate;
    const known = old.get(pemPath);
    old.delete(pemPath);
    if (known && certificateLine(known) !== certificateLine(certificate)) {
      problems.push(`the names of a certificate change`);
    }
    if (!known) changes.push(command(`new ssl cert ${pemPath}`, /^New empty certificate store/));
    if (known?.revision !== revision) changes.push(...loadCertificate(pemPath));
    if (!known) changes.push(listCertificate(certificate));
  }
  return { changes, removals: [...old.keys()].flatMap(removeCertificate), problems };
}

function loadCertificate(pemPath: string): RuntimeCommand[] {
  return [
    { line: `set ssl cert ${pemPath}`, payloadFile: pemPath, answer: /^Transaction (?:created|updated)/ },
    command(`commit ssl cert ${pemPath}`, /Success!/),
  ];
}

function listCertificate(certificate: CertificateFile): RuntimeCommand {
  const payload = [certificateLine(certificate)];
  return { line: `add ssl crt-list ${CERTIFICATE_LIST}`, payload, answer: /Success!/ };
}

function removeCertificate(pemPath: string): RuntimeCommand[] {
  return [
    command(`del ssl crt-list ${CERTIFICATE_LIST} ${pemPath}`, /^Entry .* deleted/),
    command(`del ssl cert ${pemPath}`, /^Certificate .* deleted!/),
  ];
}
