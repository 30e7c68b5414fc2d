import { Injectable } from '@nestjs/common';
import { unavailable } from '../../common/errors.js';
import { type Transaction, toAppError, violatedConstraint } from '../../platform/database/index.js';
import { backupDamaged, backupOfOtherVersion, restoreConflict, tenantNotInBackup } from './backup.errors.js';
import type { RowCounts } from './backups.repository.js';
import { BACKUP_FORMAT, type BackupEnd, type BackupHeader, type TableLine } from './dump.repository.js';
import { type BackedUpTable, TablesReadModel } from './tables.read-model.js';

export interface RestoreOutcome {
  /** Rows of the backup that were put in, by table. */
  rows: RowCounts;
  /** Tenants whose routing is another one than before. */
  changedTenants: string[];
  /** Tenants that were there before and are not in the backup. */
  removedTenants: string[];
}

const BATCH_CHARACTERS = 500_000;
const LOCK_TIMEOUT = '10s';
const LOCK_NOT_AVAILABLE = '55P03';
/** Tables that the data plane's configuration is made of. */
const ROUTING = ['tenants', 'pools', 'backends', 'routes'];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const list = (names: readonly string[], prefix = ''): string =>
  names.map((name) => prefix + quoted(name)).join(', ');
const staged = (table: BackedUpTable): string => quoted(`staged_${table.name}`);

/** Puts a backup's rows in the place of the ones that are there; all of it takes one system transaction. */
@Injectable()
export class RestoreRepository {
  constructor(private readonly tables: TablesReadModel) {}

  /**
   * Reads a whole backup into temporary tables; nothing else changes.
   * @throws AppError 422 when it is of another version or not whole
   */
  async stage(tx: Transaction, lines: AsyncIterable<string>): Promise<RowCounts> {
    const loader = new StageLoader(tx, await this.tables.backedUp(tx), await this.tables.migrations(tx));
    for await (const line of lines) await loader.take(line);
    return loader.finish();
  }

  /** Everything: what is there and not in the backup goes, but for what only ever grows. */
  async restoreAll(tx: Transaction, rows: RowCounts): Promise<RestoreOutcome> {
    return this.guarded(async () => {
      const tables = await this.locked(tx);
      const before = await this.tenantIds(tx, 'tenants');
      const changedTenants = await this.changedTenants(tx, tables);
      await this.replace(tx, tables, () => 'true');
      const after = new Set(await this.tenantIds(tx, 'tenants'));
      return { rows, changedTenants, removedTenants: before.filter((id) => !after.has(id)) };
    });
  }

  /** One tenant's rows; of people only those that do not exist any more are put in. */
  async restoreTenant(tx: Transaction, tenantId: string): Promise<RestoreOutcome> {
    return this.guarded(async () => {
      const tables = await this.locked(tx);
      if (!(await this.tenantIds(tx, 'staged_tenants')).includes(tenantId)) throw tenantNotInBackup(tenantId);
      await tx.query(
        `INSERT INTO users SELECT s.* FROM staged_users s WHERE id IN
           (SELECT user_id FROM staged_memberships WHERE tenant_id = $1) ON CONFLICT (id) DO NOTHING`,
        [tenantId],
      );
      const own = tables.filter((t) => t.tenantColumn !== null);
      const literal = tenantId.replaceAll("'", "''");
      await this.replace(tx, own, (t) => `${quoted(t.tenantColumn!)} = '${literal}'`);
      const counts: RowCounts = {};
      for (const t of own)
        counts[t.name] = await count(tx, `${staged(t)} WHERE ${quoted(t.tenantColumn!)} = '${literal}'`);
      return { rows: counts, changedTenants: [tenantId], removedTenants: [] };
    });
  }

  /** Children go before parents and come after them. */
  private async replace(tx: Transaction, tables: BackedUpTable[], scope: (t: BackedUpTable) => string) {
    for (const table of [...tables].reverse()) if (!table.appendOnly) await remove(tx, table, scope(table));
    for (const table of tables) {
      await put(tx, table, scope(table));
      await this.advanceSequences(tx, table);
    }
    // the history of another installation may be further on than this one is
    await tx.query(
      `UPDATE config_state SET version = newest FROM (SELECT max(version) AS newest FROM config_versions) v
       WHERE newest > config_state.version`,
    );
  }

  /** Nobody else writes from here on, so that no new row points at one that goes. */
  private async locked(tx: Transaction): Promise<BackedUpTable[]> {
    const tables = await this.tables.backedUp(tx);
    await tx.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
    await tx.query(`LOCK TABLE ${list(tables.map((t) => t.name))} IN SHARE ROW EXCLUSIVE MODE`);
    return tables;
  }

  private async tenantIds(tx: Transaction, table: 'tenants' | 'staged_tenants'): Promise<string[]> {
    return (await tx.query(`SELECT id FROM ${table}`)).map((row: { id: string }) => row.id);
  }

  private async changedTenants(tx: Transaction, tables: BackedUpTable[]): Promise<string[]> {
    const changed = new Set<string>();
    for (const table of tables.filter((t) => ROUTING.includes(t.name))) {
      const columns = list(table.columns);
      const [a, b] = [
        `SELECT ${columns} FROM ${quoted(table.name)}`,
        `SELECT ${columns} FROM ${staged(table)}`,
      ];
      const rows: { id: string }[] = await tx.query(
        `SELECT DISTINCT ${quoted(table.tenantColumn!)} AS id FROM ((${a} EXCEPT ${b}) UNION (${b} EXCEPT ${a})) x`,
      );
      for (const { id } of rows) changed.add(id);
    }
    return [...changed];
  }

  /** A number that the backup holds is not given out again. */
  private async advanceSequences(tx: Transaction, table: BackedUpTable): Promise<void> {
    for (const column of table.primaryKey) {
      const [{ sequence }] = await tx.query('SELECT pg_get_serial_sequence($1, $2) AS sequence', [
        `public.${quoted(table.name)}`,
        column,
      ]);
      if (!sequence) continue;
      await tx.query(
        `SELECT setval($1::text::regclass, newest) FROM (SELECT max(${quoted(column)}) AS newest FROM ${quoted(table.name)}) t
         WHERE newest > coalesce(pg_sequence_last_value($1::text::regclass), 0)`,
        [sequence],
      );
    }
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (e) {
      if ((e as { code?: string }).code === LOCK_NOT_AVAILABLE)
        throw unavailable('DATABASE_BUSY', 'Others write too much to restore now; try again', 5, e);
      const constraint = violatedConstraint(e);
      if (constraint !== null) throw restoreConflict(constraint, e);
      throw e;
    }
  }
}

async function remove(tx: Transaction, table: BackedUpTable, scope: string): Promise<void> {
  const same = table.primaryKey.map((key) => `s.${quoted(key)} = t.${quoted(key)}`).join(' AND ');
  const missing = table.keptInPlace ? `AND NOT EXISTS (SELECT 1 FROM ${staged(table)} s WHERE ${same})` : '';
  await tx.query(`DELETE FROM ${quoted(table.name)} t WHERE ${scope} ${missing}`);
}

async function put(tx: Transaction, table: BackedUpTable, scope: string): Promise<void> {
  const columns = list(table.columns);
  const fresh = table.history
    ? `AND NOT EXISTS (SELECT 1 FROM ${quoted(table.name)} h WHERE h.tenant_id = s.tenant_id)`
    : '';
  await tx.query(
    `INSERT INTO ${quoted(table.name)} AS t (${columns}) OVERRIDING SYSTEM VALUE
     SELECT ${columns} FROM ${staged(table)} s WHERE ${scope} ${fresh} ${onConflict(table)}`,
  );
}

/** What happens to a row that exists. */
function onConflict(table: BackedUpTable): string {
  const rest = table.columns.filter((c) => !table.primaryKey.includes(c) && !table.keptColumns.includes(c));
  const set = (value: (column: string) => string) =>
    `ON CONFLICT (${list(table.primaryKey)}) DO UPDATE SET ${rest.map((c) => `${quoted(c)} = ${value(quoted(c))}`).join(', ')}`;
  if (table.onlyRises) return set((c) => `greatest(t.${c}, EXCLUDED.${c})`);
  if (table.appendOnly) return 'ON CONFLICT DO NOTHING';
  if (!table.keptInPlace || !rest.length) return '';
  return `${set((c) => `EXCLUDED.${c}`)} WHERE (${list(rest, 't.')}) IS DISTINCT FROM (${list(rest, 'EXCLUDED.')})`;
}

const count = async (tx: Transaction, from: string): Promise<number> =>
  (await tx.query(`SELECT count(*)::float8 AS n FROM ${from}`))[0].n;

/** Takes a backup line by line. */
class StageLoader {
  private header: BackupHeader | null = null;
  private table: BackedUpTable | null = null;
  private end: BackupEnd | null = null;
  private readonly counts: RowCounts = {};
  private batch: string[] = [];
  private characters = 0;

  constructor(
    private readonly tx: Transaction,
    private readonly tables: BackedUpTable[],
    private readonly migrations: string[],
  ) {}

  async take(line: string): Promise<void> {
    if (this.end) throw backupDamaged('there is more after its end');
    if (!this.header) this.begin(parsed(line));
    else if (line.startsWith('{"table":')) await this.open(parsed(line));
    else if (line.startsWith('{"end":true')) {
      await this.flush();
      this.end = parsed<BackupEnd>(line);
    } else await this.add(line);
  }

  /** @throws AppError 422 when rows or tables are missing */
  async finish(): Promise<RowCounts> {
    if (!this.end) throw backupDamaged('its end is missing');
    for (const { name } of this.tables)
      if (this.counts[name] === undefined || this.counts[name] !== this.end.rows[name])
        throw backupDamaged(`the rows of ${name} are not all there`);
    return this.counts;
  }

  private begin(header: Partial<BackupHeader>): void {
    if (header.format !== BACKUP_FORMAT)
      throw backupOfOtherVersion(`its format is '${String(header.format)}', not ${BACKUP_FORMAT}`);
    if (JSON.stringify(header.migrations) !== JSON.stringify(this.migrations))
      throw backupOfOtherVersion(
        `its database schema is that of program version ${header.program_version}; restore it with that version`,
      );
    this.header = header as BackupHeader;
  }

  private async open({ table: name, columns }: TableLine): Promise<void> {
    await this.flush();
    const table = this.tables.find((t) => t.name === name);
    if (!table || JSON.stringify(columns) !== JSON.stringify(table.columns))
      throw backupOfOtherVersion(`the table ${name} is another one here`);
    this.table = table;
    this.counts[name] = 0;
    await this.tx.query(
      `CREATE TEMPORARY TABLE ${staged(table)} ON COMMIT DROP AS SELECT ${list(columns)} FROM ${quoted(name)} WITH NO DATA`,
    );
  }

  private async add(line: string): Promise<void> {
    this.batch.push(line);
    this.characters += line.length;
    if (this.characters >= BATCH_CHARACTERS) await this.flush();
  }

  private async flush(): Promise<void> {
    if (!this.batch.length) return;
    const { table, batch } = this;
    if (!table) throw backupDamaged('it has rows before a table');
    this.counts[table.name]! += batch.length;
    this.batch = [];
    this.characters = 0;
    const columns = list(table.columns);
    try {
      await this.tx.query(
        `INSERT INTO ${staged(table)} SELECT ${columns} FROM json_populate_recordset(NULL::${quoted(table.name)}, $1::json)`,
        [`[${batch.join(',')}]`],
      );
    } catch (e) {
      if ((toAppError(e)?.status ?? 500) < 500)
        throw backupDamaged(`a row of ${table.name} is not readable`, e);
      throw e;
    }
  }
}

function parsed<T>(line: string): T {
  try {
    return JSON.parse(line) as T;
  } catch (e) {
    throw backupDamaged('a line is not JSON', e);
  }
}
