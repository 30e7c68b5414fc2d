import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';

/** What the document says of each status that is a failure. */
export const FAILURES = {
  400: 'Not parseable or not processable as sent',
  401: 'No valid credential',
  403: 'The role or the plan does not allow it',
  404: 'It does not exist, or belongs to another tenant',
  409: 'In conflict with what exists',
  412: 'Changed by somebody else since `If-Match`’s version',
  413: 'The body is larger than this address takes',
  415: 'The body’s media type, charset or coding is not taken here',
  422: 'A field, id or query value is not valid; `details` names it',
  423: 'Too many failed sign-ins; `Retry-After` says when to come back',
  429: 'Too many requests; `Retry-After` says when to come back',
  503: 'A dependency is down; `Retry-After` says when to come back',
  504: 'It took too long',
} as const;

/** Documents failures of an operation beyond those that follow from its method, parameters, body and policy. */
export const ApiFails = (...statuses: (keyof typeof FAILURES)[]) =>
  applyDecorators(...statuses.map((status) => ApiResponse({ status, description: FAILURES[status] })));
