import pg from 'pg';
import { DataSource, type MigrationInterface } from 'typeorm';

/** Any number that no other program of this database uses for an advisory lock. */
const MIGRATION_LOCK = 7_311_004_217;

/** Migrations as TypeORM takes them: classes, never globs. */
export type Migrations = (new () => MigrationInterface)[];

/**
 * Runs the pending migrations as the owner of the database. Several nodes may start at once: one runs them, the
 * others wait for its lock and find nothing left to do.
 */
export async function migrate(url: string, migrations: Migrations): Promise<void> {
  const lock = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  lock.on('error', () => undefined);
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const source = new DataSource({
      type: 'postgres',
      url,
      migrations,
      migrationsTransactionMode: 'each',
      logging: false,
    });
    await source.initialize();
    try {
      await source.runMigrations();
    } finally {
      await source.destroy();
    }
  } finally {
    await lock.end().catch(() => undefined);
  }
}
