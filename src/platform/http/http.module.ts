import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { CacheInterceptor } from './cache.interceptor.js';
import { CorsOrigins } from './cors-origins.js';
import { ErrorFilter } from './error.filter.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { validationPipe } from './validation.js';

@Global()
@Module({
  providers: [
    CorsOrigins,
    CacheInterceptor,
    { provide: APP_FILTER, useClass: ErrorFilter },
    { provide: APP_PIPE, useFactory: validationPipe },
    IdempotencyInterceptor,
  ],
  exports: [CorsOrigins, CacheInterceptor],
})
export class HttpModule {}
