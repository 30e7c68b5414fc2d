import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { ErrorBody } from './error-body.js';

interface Failure {
  /** Of the shared response in the document. */
  readonly name: string;
  readonly description: string;
  readonly example: Pick<ErrorBody, 'code' | 'message'> & Partial<Pick<ErrorBody, 'details'>>;
}

const wrongInterval = 'health_check.interval must be a duration such as 30s';

/** What the document says of each status that is a failure. */
export const FAILURES = {
  400: {
    name: 'BadRequest',
    description: 'Not parseable or not processable as sent',
    example: { code: 'BAD_REQUEST', message: 'The body is not valid JSON' },
  },
  401: {
    name: 'Unauthorized',
    description: 'No valid credential',
    example: { code: 'UNAUTHORIZED', message: 'A valid access token is required' },
  },
  403: {
    name: 'Forbidden',
    description: 'The role or the plan does not allow it',
    example: { code: 'FORBIDDEN', message: 'Your role (viewer) lacks pools.write' },
  },
  404: {
    name: 'NotFound',
    description: 'It does not exist, or belongs to another tenant',
    example: { code: 'NOT_FOUND', message: "Pool 'web_servers' not found" },
  },
  409: {
    name: 'Conflict',
    description: 'In conflict with what exists',
    example: { code: 'POOL_EXISTS', message: "There is a pool 'web_servers' already" },
  },
  412: {
    name: 'PreconditionFailed',
    description: 'Changed by somebody else since `If-Match`’s version',
    example: {
      code: 'PRECONDITION_FAILED',
      message: 'It was changed by somebody else since you read it; read it again',
    },
  },
  413: {
    name: 'PayloadTooLarge',
    description: 'The body is larger than this address takes',
    example: { code: 'PAYLOAD_TOO_LARGE', message: 'Request body is too large' },
  },
  415: {
    name: 'UnsupportedMediaType',
    description: 'The body’s media type, charset or coding is not taken here',
    example: { code: 'UNSUPPORTED_MEDIA_TYPE', message: 'Unsupported Media Type' },
  },
  422: {
    name: 'ValidationFailed',
    description: 'A field, id or query value is not valid; `details` names it',
    example: {
      code: 'VALIDATION_ERROR',
      message: wrongInterval,
      details: [{ field: 'health_check.interval', constraint: 'isDuration', message: wrongInterval }],
    },
  },
  423: {
    name: 'Locked',
    description: 'Too many failed sign-ins; `Retry-After` says when to come back',
    example: { code: 'ACCOUNT_LOCKED', message: 'Too many failed sign-ins; try again in 15 min' },
  },
  429: {
    name: 'TooManyRequests',
    description: 'Too many requests; `Retry-After` says when to come back',
    example: { code: 'RATE_LIMITED', message: 'Too many requests: 100 a minute' },
  },
  503: {
    name: 'ServiceUnavailable',
    description: 'A dependency is down; `Retry-After` says when to come back',
    example: { code: 'DATABASE_UNAVAILABLE', message: 'The database does not answer; try again shortly' },
  },
  504: {
    name: 'GatewayTimeout',
    description: 'It took too long',
    example: { code: 'TIMEOUT', message: 'There was no confirmation in time' },
  },
} as const satisfies Record<number, Failure>;

export type FailureStatus = keyof typeof FAILURES;

/** Documents failures of an operation beyond those that follow from its method, parameters, body and policy. */
export const ApiFails = (...statuses: FailureStatus[]) =>
  applyDecorators(
    ...statuses.map((status) => ApiResponse({ status, description: FAILURES[status].description })),
  );

const isPassing = (status: FailureStatus): boolean => [423, 429, 503].includes(status);
const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds after which to come back (RFC 9110 §10.2.3)',
    schema: { type: 'integer', example: 30 },
  },
};

/** The response of a status as a document states it, in words of its own where they are given. */
export function failureResponse(status: FailureStatus, description?: string) {
  const failure: Failure = FAILURES[status];
  const { code, message, details = [] } = failure.example;
  const example: ErrorBody = {
    error: true,
    code,
    message,
    detail: message,
    details,
    timestamp: '2026-06-19T15:30:00.000Z',
    request_id: 'req_01jz3k5v8hf0vbn2x4q6t8w0ya',
  };
  return {
    description: description ?? failure.description,
    ...(isPassing(status) && { headers: RETRY_AFTER }),
    content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' }, example } },
  };
}

/** Every failure as a shared response, by name. */
export const sharedFailures = () =>
  Object.fromEntries(
    Object.entries(FAILURES).map(([status, { name }]) => [
      name,
      failureResponse(Number(status) as FailureStatus),
    ]),
  );
