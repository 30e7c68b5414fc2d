import { readdir } from 'node:fs/promises';
import path from 'node:path';
import '../../src/app.module.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

const MODULES = [
  'auth',
  'tenants',
  'billing',
  'pools',
  'backends',
  'routes',
  'ai',
  'cluster',
  'workers',
  'monitoring',
];
const SOURCES = path.resolve(__dirname, '../../src/modules');

interface StoredColumn {
  table_name: string;
  column_name: string;
  data_type: string;
  nullable: boolean;
  /** Whether a row may come without it. */
  filled_in: boolean;
  in_key: boolean;
}

const COLUMNS = `
  SELECT table_name::text, column_name::text, CASE data_type WHEN 'ARRAY' THEN udt_name::text ELSE data_type::text END AS data_type,
    is_nullable = 'YES' AS nullable,
    is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES' OR is_generated = 'ALWAYS' AS filled_in,
    EXISTS (SELECT FROM information_schema.table_constraints k
            JOIN information_schema.key_column_usage u USING (constraint_schema, constraint_name)
            WHERE k.constraint_type = 'PRIMARY KEY' AND u.table_schema = c.table_schema AND u.table_name = c.table_name
              AND u.column_name = c.column_name) AS in_key
  FROM information_schema.columns c WHERE table_schema = 'public'`;

describe('the entities', () => {
  let db: TestDatabase;
  const stored = new Map<string, Map<string, StoredColumn>>();

  beforeAll(async () => {
    db = await testDatabase();
    for (const column of (await db.sql(COLUMNS)) as unknown as StoredColumn[]) {
      const table = stored.get(column.table_name) ?? new Map();
      stored.set(column.table_name, table.set(column.column_name, column));
    }
  }, 60_000);
  afterAll(() => db.close());

  it.each(MODULES)('of %s are there, and the application registers them', async (module) => {
    const classes: unknown[] = [];
    for (const file of await readdir(path.join(SOURCES, module), { recursive: true }))
      if (file.endsWith('.entity.ts'))
        classes.push(...Object.values(await import(path.join(SOURCES, module, file))));
    const registered = db.database.dataSource.entityMetadatas.map(({ target }) => target);
    expect(classes).not.toEqual([]);
    expect(registered).toEqual(expect.arrayContaining(classes));
  });

  it('say of each column what the migrated table says', () => {
    const { driver, entityMetadatas } = db.database.dataSource;
    const ofClasses = entityMetadatas.flatMap(({ tableName, columns }) =>
      columns.map((column) => ({
        column: `${tableName}.${column.databaseName}`,
        type: `${column.isArray ? '_' : ''}${driver.normalizeType(column)}`,
        nullable: column.isNullable,
        in_key: column.isPrimary,
      })),
    );
    const ofTables = entityMetadatas.flatMap(({ tableName, columns }) =>
      columns.map(({ databaseName }) => {
        const known = stored.get(tableName)?.get(databaseName);
        return {
          column: `${tableName}.${databaseName}`,
          type: known?.data_type,
          nullable: known?.nullable,
          in_key: known?.in_key,
        };
      }),
    );
    expect(ofClasses).toEqual(ofTables);
  });

  it('have every column that a row of the table cannot come without', () => {
    const missing = db.database.dataSource.entityMetadatas.flatMap(({ tableName, columns }) => {
      const known = new Set(columns.map((column) => column.databaseName));
      return [...(stored.get(tableName)?.values() ?? [])]
        .filter((column) => !column.filled_in && !known.has(column.column_name))
        .map((column) => `${tableName}.${column.column_name}`);
    });
    expect(missing).toEqual([]);
  });
});
