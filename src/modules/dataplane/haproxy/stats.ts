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

interface FrontendRow {
  /** Client connections. */
  readonly connections: number;
}

export interface StatTable {
  readonly servers: readonly ServerRow[];
  readonly frontends: readonly FrontendRow[];
}

const COLUMNS = [
  'pxname',
  'svname',
  'scur',
  'status',
  'type',
  'check_status',
  'check_code',
  'check_desc',
] as const;
type Column = (typeof COLUMNS)[number];
type Fields = Record<Column, string>;

/**
 * Reads the CSV of `show stat`; columns are found by their names, which are the same in all versions.
 * @throws Error when it is not whole: the worker went while it answered.
 */
export function parseStat(csv: string): StatTable {
  if (!csv.endsWith('\n\n')) throw new Error('show stat: the answer is cut off');
  const lines = csv.split('\n').filter((line) => line !== '');
  const header = lines.find((line) => line.startsWith('# '));
  if (!header) throw new Error('show stat: no header line');
  const names = header.slice(2).split(',');
  const wanted = names.map((name) => COLUMNS.find((column) => column === name) ?? null);
  // Behind the last wanted column there are fifty more.
  wanted.length = wanted.findLastIndex((column) => column !== null) + 1;
  const servers: ServerRow[] = [];
  const frontends: FrontendRow[] = [];
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    const fields = fieldsOf(line, wanted);
    if (fields.type === '0') frontends.push({ connections: Number(fields.scur) });
    if (fields.type === '2') servers.push(serverRow(fields));
  }
  return { servers, frontends };
}

function serverRow(fields: Fields): ServerRow {
  const { check_code: code, check_desc: description } = fields;
  return {
    section: fields.pxname,
    server: fields.svname,
    status: fields.status,
    // A star means that a check is under way.
    checkStatus: fields.check_status.replace(/^\* /, ''),
    checkText: [description, code === '' ? '' : `status ${code}`].filter((part) => part !== '').join(', '),
    current: Number(fields.scur),
  };
}

const QUOTE = 34;

/** The wanted fields of a line. Those in quotes may hold commas; a quote in them is doubled (RFC 4180). */
function fieldsOf(line: string, wanted: readonly (Column | null)[]): Fields {
  const fields: Fields = {
    pxname: '',
    svname: '',
    scur: '',
    status: '',
    type: '',
    check_status: '',
    check_code: '',
    check_desc: '',
  };
  let start = 0;
  for (const column of wanted) {
    const isQuoted = line.charCodeAt(start) === QUOTE;
    const end = isQuoted ? endOfQuoted(line, start) : line.indexOf(',', start);
    if (column) fields[column] = fieldText(line, start, end < 0 ? line.length : end, isQuoted);
    if (end < 0) break;
    start = end + 1;
  }
  return fields;
}

function fieldText(line: string, start: number, end: number, isQuoted: boolean): string {
  return isQuoted ? line.slice(start + 1, end - 1).replaceAll('""', '"') : line.slice(start, end);
}

/** Index of the comma after a field in quotes, or -1 at the end of the line. */
function endOfQuoted(line: string, start: number): number {
  let end = start + 1;
  while (end < line.length && !(line[end] === '"' && line[end + 1] !== '"')) end += line[end] === '"' ? 2 : 1;
  return line[end + 1] === ',' ? end + 1 : -1;
}

/** Health by a row, or null when the row says nothing about it (maintenance, first check not done). */
export function healthOf({
  status,
  checkStatus,
}: Pick<ServerRow, 'status' | 'checkStatus'>): HealthState | null {
  if (status.startsWith('DOWN')) return 'unhealthy';
  if (status.startsWith('no check')) return 'unknown';
  return checkStatus !== 'INI' && /^(?:UP|DRAIN|NOLB)/.test(status) ? 'healthy' : null;
}

/** Taken out because requests failed, not by a health check (`on-error mark-down`). */
export function isEjected({ status, checkStatus }: Pick<ServerRow, 'status' | 'checkStatus'>): boolean {
  return status.startsWith('DOWN') && checkStatus === 'HANA';
}
