import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import { connect } from '../../src/platform/database/connect.js';
import { Database, DatabaseUrl, Notifications } from '../../src/platform/database/index.js';
import { migrate } from '../../src/platform/database/migrate.js';

const TEMPLATE = 'veloflux_template';
const TEMPLATE_LOCK = 20_261_122;

export interface TestDatabase {
  /** For a whole application: `DATABASE_URL`. Connects as the owner of the database. */
  readonly url: string;
  readonly database: Database;
  readonly notifications: Notifications;
  /** Runs a statement as the owner, past row-level security. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

async function serverUrl(): Promise<string> {
  const answer = await fetch(process.env.TEST_POSTGRES!);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

const withName = (url: string, name: string): string => Object.assign(new URL(url), { pathname: name }).href;

async function asOwner<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The first one to come makes the migrated template; the others wait for it. */
async function ensureTemplate(client: pg.Client, url: string): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [TEMPLATE]);
  if (!known.rowCount) {
    await client.query(`CREATE DATABASE ${TEMPLATE}_new`);
    await migrate(withName(url, `${TEMPLATE}_new`), migrations);
    await client.query(`ALTER DATABASE ${TEMPLATE}_new RENAME TO ${TEMPLATE}`);
  }
}

/** A database of its own for a test file: real PostgreSQL, every migration applied, no rows but theirs. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = await serverUrl();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asOwner(server, async (client) => {
    await ensureTemplate(client, server);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  });
  const url = withName(server, name);
  const dataSource = await connect(url, 10);
  const database = new Database(dataSource);
  const notifications = new Notifications(database, new DatabaseUrl(url));
  await notifications.onApplicationBootstrap();
  const owner = new pg.Client({ connectionString: url });
  await owner.connect();
  return {
    url,
    database,
    notifications,
    sql: async (text, values) => (await owner.query(text, values)).rows,
    async close() {
      await notifications.onApplicationShutdown();
      await dataSource.destroy();
      await owner.end();
      await asOwner(server, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}
