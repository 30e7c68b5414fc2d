import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../common/errors.js';
import { toAppError } from '../database/postgres-errors.js';
import { errorBody } from './error-body.js';

const CODES: Record<number, string> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  408: 'REQUEST_TIMEOUT',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  414: 'URI_TOO_LONG',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
  431: 'HEADERS_TOO_LARGE',
  503: 'SERVICE_UNAVAILABLE',
};

/** Errors of Fastify itself carry a status and a code of their own. */
function fromFramework(error: unknown, request: FastifyRequest): AppError | null {
  const status =
    error instanceof HttpException ? error.getStatus() : (error as { statusCode?: number }).statusCode;
  if (typeof status !== 'number' || status < 400 || status >= 500) return null;
  const message = sentenceOf(status, request) ?? (error as Error).message;
  return new AppError(status, CODES[status] ?? 'BAD_REQUEST', message, { cause: error });
}

/** Where the framework's own words would leave a caller guessing. */
function sentenceOf(status: number, request: FastifyRequest): string | undefined {
  if (status === 404) return 'There is nothing at this address';
  if (status === 413)
    return `The body is larger than the ${request.routeOptions.bodyLimit} bytes that this address takes`;
  if (status === 415) return 'Send the body as application/json';
  return undefined;
}

/** Every failing request answers with the one error body; what is not meant for clients goes to the log only. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('http');

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (reply.sent) return;
    const known = toAppError(error) ?? fromFramework(error, request);
    if (!known)
      this.logger.error(`${request.method} ${request.routeOptions?.url ?? request.url} failed`, error);
    else if (known.status >= 500) this.logger.warn(`${known.code}: ${causeOf(known)}`);
    const answer = known ?? new AppError(500, 'INTERNAL_ERROR', 'Something went wrong on our side');
    if (answer.retryAfterSeconds !== undefined) reply.header('retry-after', answer.retryAfterSeconds);
    if (answer.status === 401) reply.header('www-authenticate', 'Bearer');
    reply
      .status(answer.status)
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(errorBody(answer, request.id)));
  }
}

const causeOf = (error: AppError): string =>
  error.cause instanceof Error ? error.cause.message : error.message;
