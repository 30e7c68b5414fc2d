import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

/** A table that is backed up, as the database itself describes it. */
export interface BackedUpTable {
  name: string;
  /** Without generated ones. */
  columns: string[];
  /** Columns that stay as they are in a row that exists. */
  keptColumns: string[];
  primaryKey: string[];
  /** Column that says whose a row is; null: the installation's. */
  tenantColumn: string | null;
  /** What happened stays told: a restore only adds what is missing. */
  appendOnly: boolean;
  /** Append-only, and of one piece: put in only for tenants that have nothing of it here. */
  history: boolean;
  /** Of two figures for the same key the larger one stays. */
  onlyRises: boolean;
  /** Rows of tables that are not restored point here: they are changed in place, never deleted and made anew. */
  keptInPlace: boolean;
}

interface CatalogueRow {
  name: string;
  comment: string;
  columns: string[];
  kept_columns: string[];
  primary_key: string[];
  parents: string[];
  writable: boolean;
  hidden: boolean;
}

const CATALOGUE = `
  SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
    ARRAY(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          ORDER BY a.attnum) AS columns,
    ARRAY(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) LIKE '%[kept]%') AS kept_columns,
    ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
          WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum) AS primary_key,
    ARRAY(SELECT DISTINCT p.relname::text FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid
          WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS parents,
    has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'DELETE') AS writable,
    c.relrowsecurity AND NOT EXISTS (
      SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*'
      AND current_user::regrole::oid = ANY (p.polroles) AND pg_get_expr(p.polqual, c.oid) = 'true') AS hidden
  FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'`;

/** Finds out from the database which tables a backup holds. */
@Injectable()
export class TablesReadModel {
  /**
   * In an order in which every table comes after the ones that it points to. What only migrations write is not
   * among them: it belongs to the program's version.
   * @throws Error when row-level security would show only a part of a table, which a backup must never miss
   */
  async backedUp(tx: Transaction): Promise<BackedUpTable[]> {
    const all: CatalogueRow[] = await tx.query(CATALOGUE);
    const included = all.filter((t) => t.writable && !t.comment.includes('[not in backups]'));
    const blind = included.filter((t) => t.hidden).map((t) => t.name);
    if (blind.length) throw new Error(`row-level security hides rows from backups: ${blind.join(', ')}`);
    const keyless = included.filter((t) => !t.primary_key.length).map((t) => t.name);
    if (keyless.length) throw new Error(`tables without a primary key: ${keyless.join(', ')}`);
    const inPlace = keptInPlace(all, included);
    return inOrder(included).map((t) => ({
      name: t.name,
      columns: t.columns,
      keptColumns: t.kept_columns,
      primaryKey: t.primary_key,
      tenantColumn: t.name === 'tenants' ? 'id' : t.columns.includes('tenant_id') ? 'tenant_id' : null,
      appendOnly: isAppendOnly(t),
      history: isHistory(t),
      onlyRises: t.comment.includes('[only rises]'),
      keptInPlace: inPlace.has(t.name),
    }));
  }

  /** Names of the migrations that made the schema. */
  async migrations(tx: Transaction): Promise<string[]> {
    const rows: { name: string }[] = await tx.query('SELECT name FROM migrations ORDER BY timestamp, id');
    return rows.map((r) => r.name);
  }
}

const isHistory = (table: CatalogueRow): boolean => table.comment.includes('[history]');
const isAppendOnly = (table: CatalogueRow): boolean =>
  table.comment.includes('[append only]') || isHistory(table);

/** What tables outside of a restore point to, and what that points to in turn. */
function keptInPlace(all: CatalogueRow[], included: CatalogueRow[]): Set<string> {
  const byName = new Map(included.map((t) => [t.name, t]));
  const found = new Set<string>();
  const add = (name: string) => {
    const table = byName.get(name);
    if (!table || found.has(name)) return;
    found.add(name);
    for (const parent of table.parents) add(parent);
  };
  const outside = all.filter((t) => !byName.has(t.name) || isAppendOnly(t));
  for (const table of outside) for (const parent of table.parents) add(parent);
  return found;
}

function inOrder(tables: CatalogueRow[]): CatalogueRow[] {
  const byName = new Map(tables.map((t) => [t.name, t]));
  const ordered: CatalogueRow[] = [];
  const visiting = new Set<string>();
  const visit = (table: CatalogueRow) => {
    if (ordered.includes(table)) return;
    if (visiting.has(table.name)) throw new Error(`tables point at each other in a circle: ${table.name}`);
    visiting.add(table.name);
    for (const parent of table.parents) if (byName.has(parent)) visit(byName.get(parent)!);
    ordered.push(table);
  };
  for (const table of [...tables].sort((a, b) => (a.name < b.name ? -1 : 1))) visit(table);
  return ordered;
}
