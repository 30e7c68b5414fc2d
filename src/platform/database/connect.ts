import { DataSource, getMetadataArgsStorage } from 'typeorm';
import { RUNTIME_ROLE } from './database.js';

/** With the pool's own 2 s this keeps a request that meets a frozen database under 3 s. */
const QUERY_TIMEOUT_MS = 2300;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * Opens the pool of connections, all of them under the runtime role.
 * @param queryTimeoutMs time limit of one query; 0: none
 */
export async function connect(
  url: string,
  poolSize: number,
  queryTimeoutMs = QUERY_TIMEOUT_MS,
): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    url,
    // every entity class that the application imported
    entities: getMetadataArgsStorage().tables.map((t) => t.target as never),
    synchronize: false,
    logging: false,
    poolSize,
    extra: {
      options: `-c role=${RUNTIME_ROLE}`,
      application_name: 'veloflux',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: queryTimeoutMs,
      keepAlive: true,
    },
    poolErrorHandler: () => undefined,
  });
  return source.initialize();
}
