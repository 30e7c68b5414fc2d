import { Logger, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { AppModule } from '../../src/app.module.js';
import { newId } from '../../src/common/ids.js';
import type { PlanId } from '../../src/modules/tenants/index.js';
import { Environment, loadEnvironment } from '../../src/platform/config/environment.js';
import { Leader } from '../../src/platform/jobs/index.js';
import type { Principal } from '../../src/platform/security/index.js';
import { type TestDatabase, testDatabase } from './database.js';
import { until } from './until.js';

/** The whole application without its listeners, on a database of its own. It leads when `start` resolves. */
export class BillingApp {
  private constructor(
    readonly db: TestDatabase,
    private readonly module: TestingModule,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<BillingApp> {
    const db = await testDatabase();
    const environment = loadEnvironment({
      NODE_ENV: 'test',
      DATABASE_URL: db.url,
      PROXY_PORT: '0',
      PROXY_TLS_PORT: '0',
      LOG_LEVEL: 'silent',
      ...env,
    });
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Environment)
      .useValue(environment)
      .compile();
    Logger.overrideLogger(false);
    await module.init();
    const app = new BillingApp(db, module);
    await until('this node to lead', () => app.get(Leader).isLeader);
    return app;
  }

  get<T>(type: Type<T> | (abstract new (...args: never[]) => T)): T {
    return this.module.get(type as Type<T>, { strict: false });
  }

  /** A tenant with a name and no people. */
  async tenant(plan: PlanId = 'free', name = 'Acme'): Promise<string> {
    const id = newId('tenant');
    await this.db.sql('INSERT INTO tenants (id, name, plan) VALUES ($1, $2, $3)', [id, name, plan]);
    return id;
  }

  /** Its owner, as the guards would have found them. */
  owner(tenantId: string): Principal {
    return {
      userId: newId('user'),
      sessionId: newId('session'),
      tenantId,
      role: 'owner',
      username: 'ada',
      email: 'ada@example.com',
      kind: 'session',
      scopes: null,
      expiresAt: 0,
    };
  }

  async planOf(tenantId: string): Promise<unknown> {
    return (await this.db.sql('SELECT plan FROM tenants WHERE id = $1', [tenantId]))[0]!.plan;
  }

  async close(): Promise<void> {
    await this.module.close();
    await this.db.close();
  }
}
