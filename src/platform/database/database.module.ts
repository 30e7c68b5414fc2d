import { setTimeout as delay } from 'node:timers/promises';
import {
  type DynamicModule,
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Environment } from '../config/environment.js';
import { connect } from './connect.js';
import { Database } from './database.js';
import { DatabaseClock } from './database-clock.js';
import { DatabaseUrl } from './database-url.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { LongTransactions } from './long-transactions.js';
import { type Migrations, migrate } from './migrate.js';
import { Notifications } from './notifications.js';
import { isDatabaseDown } from './postgres-errors.js';

const EMBEDDED = Symbol('EMBEDDED_POSTGRES');
const START_RETRIES = 30;
const RETRY_MS = 1000;

/** A database that is still starting (compose) is waited for; a wrong password or schema is not. */
async function whenUp<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (e) {
      if (tries >= START_RETRIES || !isDatabaseDown(e)) throw e;
      Logger.warn(`The database does not answer yet (${tries}/${START_RETRIES})`, 'DatabaseModule');
      await delay(RETRY_MS);
    }
  }
}

/** The connection to PostgreSQL, embedded or given, migrated and under the runtime role. */
@Global()
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(EMBEDDED) private readonly embedded: EmbeddedPostgres | null,
  ) {}

  static forRoot(migrations: Migrations): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        {
          provide: EMBEDDED,
          inject: [Environment],
          useFactory: (env: Environment) =>
            env.DATABASE_URL
              ? null
              : startEmbeddedPostgres({ dataDir: env.DATA_DIR, port: env.EMBEDDED_POSTGRES_PORT }),
        },
        {
          provide: DatabaseUrl,
          inject: [Environment, EMBEDDED],
          useFactory: (env: Environment, embedded: EmbeddedPostgres | null) =>
            new DatabaseUrl(env.DATABASE_URL ?? embedded!.url),
        },
        {
          provide: DataSource,
          inject: [Environment, DatabaseUrl],
          useFactory: async (env: Environment, url: DatabaseUrl) => {
            await whenUp(() => migrate(url.value, migrations));
            return whenUp(() => connect(url.value, env.DATABASE_POOL_SIZE));
          },
        },
        { provide: Database, inject: [DataSource], useFactory: (source: DataSource) => new Database(source) },
        DatabaseClock,
        Notifications,
        LongTransactions,
      ],
      exports: [Database, DatabaseClock, DatabaseUrl, LongTransactions, Notifications],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy().catch(() => undefined);
    await this.embedded?.stop();
  }
}
