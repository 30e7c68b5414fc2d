import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiConflictResponse, ApiHeader, ApiPreconditionFailedResponse, ApiQuery } from '@nestjs/swagger';

/** Metadata of {@link AppliesConfiguration}. */
export const APPLIES_CONFIGURATION = 'veloflux:applies-configuration';

/** A write that changes routing configuration; the data plane's interceptor answers its `wait` parameter. */
export const AppliesConfiguration = () =>
  applyDecorators(
    SetMetadata(APPLIES_CONFIGURATION, true),
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
