import pg from 'pg';
import { DataSource, getMetadataArgsStorage } from 'typeorm';
import { RUNTIME_ROLE } from './database.js';

/** With the pool's own 2 s this keeps a request that meets a frozen database under 3 s. */
const QUERY_TIMEOUT_MS = 2300;
const CONNECT_TIMEOUT_MS = 2000;
/** A program that was frozen in a transaction holds its locks no longer than this. */
const IDLE_IN_TRANSACTION_MS = 10_000;

/**
 * A connection that may end while nobody owns it: between the moment that the pool hands it out and the one that its new
 * owner listens, the rest of what PostgreSQL sent is read, and an `error` that nobody listens to ends the program. The
 * owner's next query fails all the same.
 */
class PooledClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/**
 * Opens the pool of connections, all of them under the runtime role.
 * @param queryTimeoutMs time limit of one query; 0: none, and none of pauses within a transaction
 */
export async function connect(
  url: string,
  poolSize: number,
  queryTimeoutMs = QUERY_TIMEOUT_MS,
): Promise<DataSource> {
  const idleMs = queryTimeoutMs === 0 ? 0 : IDLE_IN_TRANSACTION_MS;
  const source = new DataSource({
    type: 'postgres',
    url,
    // every entity class that the application imported
    entities: getMetadataArgsStorage().tables.map((t) => t.target as never),
    synchronize: false,
    logging: false,
    poolSize,
    extra: {
      Client: PooledClient,
      options: `-c role=${RUNTIME_ROLE} -c idle_in_transaction_session_timeout=${idleMs}`,
      application_name: 'veloflux',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: queryTimeoutMs,
      keepAlive: true,
      // statements that do not wait for one another's answers leave together, see `send`
      pipeline: true,
    },
    poolErrorHandler: () => undefined,
  });
  return source.initialize();
}
