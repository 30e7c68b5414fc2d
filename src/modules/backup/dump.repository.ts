import { Injectable } from '@nestjs/common';
import { PRODUCT_VERSION } from '../../common/version.js';
import type { Transaction } from '../../platform/database/index.js';
import type { RowCounts } from './backups.repository.js';
import { type BackedUpTable, TablesReadModel } from './tables.read-model.js';

export const BACKUP_FORMAT = 'veloflux-backup/1';
const FETCH_ROWS = 1000;

/** First line of a backup. */
export interface BackupHeader {
  format: string;
  program_version: string;
  created_at: string;
  /** The schema: names of its migrations. */
  migrations: string[];
}
/** Line before a table's rows. */
export interface TableLine {
  table: string;
  columns: string[];
}
/** Last line. */
export interface BackupEnd {
  end: true;
  rows: RowCounts;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Writes out every table as JSON lines, of one moment. The rows' JSON is made and read by PostgreSQL alone, so that no
 * number or time loses a digit on the way.
 */
@Injectable()
export class DumpRepository {
  constructor(private readonly tables: TablesReadModel) {}

  /** Takes a system transaction that has not read yet; `counts` is filled while the lines are taken. */
  async *lines(tx: Transaction, counts: RowCounts): AsyncGenerator<string> {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const header: BackupHeader = {
      format: BACKUP_FORMAT,
      program_version: PRODUCT_VERSION,
      created_at: new Date().toISOString(),
      migrations: await this.tables.migrations(tx),
    };
    yield line(header);
    for (const table of await this.tables.backedUp(tx)) {
      yield line({ table: table.name, columns: table.columns } satisfies TableLine);
      counts[table.name] = 0;
      for await (const rows of this.rowsOf(tx, table)) {
        counts[table.name]! += rows.length;
        yield `${rows.join('\n')}\n`;
      }
      await this.checkCount(tx, table, counts[table.name]!);
    }
    yield line({ end: true, rows: counts } satisfies BackupEnd);
  }

  private async *rowsOf(tx: Transaction, table: BackedUpTable): AsyncGenerator<string[]> {
    const key = table.primaryKey.map(quoted).join(', ');
    await tx.query(
      `DECLARE dump NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS line FROM ${quoted(table.name)} t ORDER BY ${key}`,
    );
    for (;;) {
      const rows: { line: string }[] = await tx.query(`FETCH ${FETCH_ROWS} FROM dump`);
      if (!rows.length) break;
      yield rows.map((row) => row.line);
    }
    await tx.query('CLOSE dump');
  }

  private async checkCount(tx: Transaction, table: BackedUpTable, written: number): Promise<void> {
    const [{ n }] = await tx.query(`SELECT count(*)::float8 AS n FROM ${quoted(table.name)}`);
    if (n !== written) throw new Error(`${table.name} has ${n} rows, but ${written} were written`);
  }
}

const line = (value: object): string => `${JSON.stringify(value)}\n`;
