import { newId } from '../../src/common/ids.js';
import { BackendAddressPolicy } from '../../src/modules/backends/address-policy.js';
import { BackendsRepository } from '../../src/modules/backends/backends.repository.js';
import { BackendsService } from '../../src/modules/backends/backends.service.js';
import { CertificatesReadModel } from '../../src/modules/certificates/certificates.read-model.js';
import { CertificatesRepository } from '../../src/modules/certificates/certificates.repository.js';
import { CertificatesService } from '../../src/modules/certificates/certificates.service.js';
import { SnapshotSource } from '../../src/modules/dataplane/snapshot-source.js';
import { PoolsRepository } from '../../src/modules/pools/pools.repository.js';
import { PoolsService } from '../../src/modules/pools/pools.service.js';
import { RoutesRepository } from '../../src/modules/routes/routes.repository.js';
import { RoutesService } from '../../src/modules/routes/routes.service.js';
import { LiveBackends } from '../../src/modules/telemetry/index.js';
import { PlanLimits } from '../../src/modules/tenants/index.js';
import { PlansReadModel } from '../../src/modules/tenants/plans.read-model.js';
import { TenantsRepository } from '../../src/modules/tenants/tenants.repository.js';
import { Environment } from '../../src/platform/config/environment.js';
import { Journal } from '../../src/platform/journal/index.js';
import { randomToken, Secrets } from '../../src/platform/security/index.js';
import { type TestDatabase, testDatabase } from './database.js';

export interface LoadBalancer {
  readonly db: TestDatabase;
  readonly environment: Environment;
  readonly live: LiveBackends;
  readonly pools: PoolsService;
  readonly backends: BackendsService;
  readonly routes: RoutesService;
  readonly certificates: CertificatesService;
  readonly source: SnapshotSource;
  /** Another source, as of a node that has just begun. */
  fresh(): SnapshotSource;
  /** A new tenant's id. */
  tenant(plan?: string): Promise<string>;
}

/** The services of pools, backends and routes on a database of their own, put together by hand. */
export async function loadBalancer(): Promise<LoadBalancer> {
  const db = await testDatabase();
  const { database, notifications } = db;
  const environment = Object.assign(new Environment(), {
    JWT_SECRET: randomToken(),
    ENCRYPTION_KEY: randomToken(),
    ACME_DIRECTORY_URL: 'https://acme.invalid/directory',
  });
  const secrets = new Secrets(environment);
  const journal = new Journal(database, notifications);
  const plans = new PlansReadModel();
  const limits = new PlanLimits(new TenantsRepository(plans), plans);
  const live = new LiveBackends();
  const repositories = {
    pools: new PoolsRepository(),
    backends: new BackendsRepository(),
    routes: new RoutesRepository(),
  };
  const fresh = () =>
    new SnapshotSource(
      database,
      notifications,
      journal,
      repositories.pools,
      repositories.backends,
      repositories.routes,
      new CertificatesReadModel(secrets),
      new Environment(),
    );
  const source = fresh();
  source.onModuleInit();
  return {
    db,
    environment,
    live,
    source,
    fresh,
    pools: new PoolsService(database, repositories.pools, repositories.backends, journal, limits),
    backends: new BackendsService(
      database,
      repositories.backends,
      new BackendAddressPolicy(environment),
      journal,
      limits,
      live,
    ),
    routes: new RoutesService(database, repositories.routes, journal, limits),
    certificates: new CertificatesService(
      database,
      new CertificatesRepository(secrets),
      journal,
      notifications,
      environment,
    ),
    async tenant(plan = 'enterprise') {
      const id = newId('tenant');
      await db.sql('INSERT INTO tenants (id, name, plan) VALUES ($1, $1, $2)', [id, plan]);
      return id;
    },
  };
}
