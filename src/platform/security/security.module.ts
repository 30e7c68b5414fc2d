import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerStorage } from '@nestjs/throttler';
import { Environment } from '../config/environment.js';
import { Database } from '../database/index.js';
import { AccessGuard, AuthenticationGuard } from './guards.js';
import { PasswordHasher } from './passwords.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RedisRateLimitStorage } from './rate-limit.storage.js';
import { Secrets } from './secrets.js';
import { PostgresCounters } from './shared-counters.js';
import { SharedRateLimitStorage } from './shared-rate-limit.storage.js';

/** The guards run in this order on every endpoint: who calls, how often, and may they. */
@Global()
@Module({
  providers: [
    PasswordHasher,
    Secrets,
    {
      provide: ThrottlerStorage,
      inject: [Environment, Database],
      useFactory: (environment: Environment, database: Database) =>
        environment.REDIS_URL
          ? new RedisRateLimitStorage(environment.REDIS_URL)
          : new SharedRateLimitStorage(new PostgresCounters(database)),
    },
    { provide: APP_GUARD, useClass: AuthenticationGuard },
    { provide: APP_GUARD, useClass: RateLimitGuard },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [PasswordHasher, Secrets, ThrottlerStorage],
})
export class SecurityModule {}
