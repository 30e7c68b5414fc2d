import {
  applyDecorators,
  type INestApplication,
  type NestInterceptor,
  RequestMethod,
  SetMetadata,
} from '@nestjs/common';
import { INTERCEPTORS_METADATA, METHOD_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import {
  ApiConflictResponse,
  ApiHeader,
  ApiHideProperty,
  ApiPreconditionFailedResponse,
  ApiQuery,
} from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { MayBeAbsent } from './validators.js';

/**
 * Puts interceptors around every write and around no read: even one that only passes a request on costs it a tenth of
 * its time. Before the application's routes are made.
 */
export function interceptWrites(app: INestApplication, interceptors: readonly NestInterceptor[]): void {
  const scanner = new MetadataScanner();
  for (const { controllers } of app.get(ModulesContainer).values())
    for (const { metatype } of controllers.values())
      for (const name of scanner.getAllMethodNames(metatype?.prototype)) {
        const handler: object = metatype?.prototype[name];
        const method = Reflect.getMetadata(METHOD_METADATA, handler);
        if (method === undefined || method === RequestMethod.GET) continue;
        const own: unknown[] = Reflect.getMetadata(INTERCEPTORS_METADATA, handler) ?? [];
        // those of an earlier application in the same process are replaced
        const others = own.filter((one) => !interceptors.some((i) => i.constructor === one?.constructor));
        Reflect.defineMetadata(INTERCEPTORS_METADATA, [...interceptors, ...others], handler);
      }
}

/** Metadata of {@link AppliesConfiguration}. */
export const APPLIES_CONFIGURATION = 'veloflux:applies-configuration';

/** For handlers that have a DTO of their own for the query of a write with {@link AppliesConfiguration}. */
export class WaitQuery {
  @ApiHideProperty()
  @MayBeAbsent()
  @IsIn(['applied'])
  wait?: 'applied';
}

/**
 * A write that changes routing configuration; the data plane's interceptor answers its `wait` parameter and refuses
 * any other, unless the handler has a DTO for its query (`own query`), which then extends {@link WaitQuery}.
 */
export const AppliesConfiguration = (query: 'only wait' | 'own query' = 'only wait') =>
  applyDecorators(
    SetMetadata(APPLIES_CONFIGURATION, query),
    ApiQuery({
      name: 'wait',
      required: false,
      enum: ['applied'],
      description:
        '`applied`: answer once every live node carries traffic with this change, for at most 5 s; then 503 CONFIG_NOT_APPLIED names the nodes that do not, and the change is saved all the same. The version is in X-Config-Version.',
    }),
  );

/** A change that `If-Match` protects against a change by somebody else. Documentation of {@link IfMatch}. */
export const ApiIfMatch = () =>
  applyDecorators(
    ApiHeader({
      name: 'If-Match',
      required: false,
      description: 'ETag of the version that was read; 412 when it is another one by now',
    }),
    ApiConflictResponse({ description: 'In conflict with what exists, or still in use' }),
    ApiPreconditionFailedResponse({ description: 'Changed by somebody else since `If-Match`’s version' }),
  );

/** A POST that `Idempotency-Key` makes safe to repeat, and that may meet what exists already. */
export const ApiCreates = () =>
  applyDecorators(
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'The same key with the same request gets the first answer again, for 24 hours',
    }),
    ApiConflictResponse({ description: 'It exists already' }),
  );
