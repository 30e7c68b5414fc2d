import type { HealthState } from '../snapshot.js';

/** One server as `show stat` has it. */
export interface ServerRow {
  readonly section: string;
  readonly server: string;
  /** `UP`, `DOWN 1/2`, `MAINT`, `DRAIN`, `no check` … */
  readonly status: string;
  /** `L7OK`, `L4CON` …; `INI` before the first check, empty without checks. */
  readonly checkStatus: string;
  /** What the last check found, for people. */
  readonly checkText: string;
  /** Requests in flight. */
  readonly current: number;
}

export interface FrontendRow {
  /** Client connections. */
  readonly connections: number;
}

export interface StatTable {
  readonly servers: readonly ServerRow[];
  readonly frontends: readonly FrontendRow[];
}

/** Reads the CSV of `show stat`; columns are found by their names, which are the same in all versions. */
export function parseStat(csv: string): StatTable {
  const lines = csv.split('\n').filter((line) => line !== '');
  const header = lines.find((line) => line.startsWith('# '));
  if (!header) throw new Error('show stat: no header line');
  const columns = new Map(
    header
      .slice(2)
      .split(',')
      .map((name, index) => [name, index]),
  );
  const servers: ServerRow[] = [];
  const frontends: FrontendRow[] = [];
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    const fields = splitCsv(line);
    const field = (name: string): string => fields[columns.get(name) ?? -1] ?? '';
    if (field('type') === '0') frontends.push({ connections: Number(field('scur')) });
    if (field('type') === '2') servers.push(serverRow(field));
  }
  return { servers, frontends };
}

function serverRow(field: (name: string) => string): ServerRow {
  const code = field('check_code');
  return {
    section: field('pxname'),
    server: field('svname'),
    status: field('status'),
    // A star means that a check is under way.
    checkStatus: field('check_status').replace(/^\* /, ''),
    checkText: [field('check_desc'), code === '' ? '' : `status ${code}`]
      .filter((part) => part !== '')
      .join(', '),
    current: Number(field('scur')),
  };
}

/** Fields in quotes may hold commas; a quote in them is doubled (RFC 4180). Most lines have none. */
function splitCsv(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const fields: string[] = [];
  for (const match of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]);
  }
  return fields;
}

/** Health by a row, or null when the row says nothing about it (maintenance, first check not done). */
export function healthOf({
  status,
  checkStatus,
}: Pick<ServerRow, 'status' | 'checkStatus'>): HealthState | null {
  if (status.startsWith('DOWN')) return 'unhealthy';
  if (status.startsWith('no check')) return 'unknown';
  if (status.startsWith('MAINT') || checkStatus === 'INI') return null;
  return 'healthy';
}

/** Taken out because requests failed, not by a health check (`on-error mark-down`). */
export function isEjected({ status, checkStatus }: Pick<ServerRow, 'status' | 'checkStatus'>): boolean {
  return status.startsWith('DOWN') && checkStatus === 'HANA';
}
