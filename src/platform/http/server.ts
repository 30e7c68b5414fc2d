import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { typeid } from 'typeid-js';
import { AppError } from '../../common/errors.js';
import type { Environment } from '../config/environment.js';
import { HttpMetrics } from '../observability/http-metrics.js';
import { AllowedMethods } from './allowed-methods.js';
import { CorsOrigins } from './cors-origins.js';
import { errorBody } from './error-body.js';
import { parseJsonBody } from './json-body.js';
import { beginRequest } from './request-context.js';
import { parseYamlBody } from './yaml-body.js';

/** Largest body of an ordinary request; routes that import documents allow more in their route configuration. */
const BODY_LIMIT_BYTES = 100 * 1024;
/** Node drops headers beyond about a thousand without a word, `Authorization` among them. */
const MAX_HEADERS = 100;
/** A name or id in an address. */
const MAX_SEGMENT_LENGTH = 300;
const COMPRESS_FROM_BYTES = 1024;

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The body as it came and not parsed, on routes whose configuration asks for it: a webhook's signature covers the raw
     * bytes, and nobody is to make this process read a megabyte of JSON before it was found good.
     */
    rawBody?: Buffer;
  }
  interface FastifyReply {
    /** Bytes of a body that went out as a stream. */
    streamedBytes?: number;
  }
  interface FastifyContextConfig {
    rawBody?: boolean;
    /** Limits on a body's shape and size, for routes that import documents. */
    maxKeys?: number;
    maxBytes?: number;
    /** The body may be YAML. */
    yaml?: boolean;
    /** The body may be a file (application/gzip), which the handler reads as a stream. */
    uploads?: boolean;
  }
}

const newRequestId = () => typeid('req').toString();
const givenRequestId = (value: unknown) => typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value);

/** Fastify with time limits against slow clients (STACK.md §5: all four are needed). */
export function createAdapter(environment: Environment): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 10_000,
    connectionTimeout: 20_000,
    keepAliveTimeout: 72_000,
    http: { headersTimeout: 5000, connectionsCheckingInterval: 1000, maxHeaderSize: 16_384 },
    trustProxy: environment.TRUSTED_PROXIES.length ? environment.TRUSTED_PROXIES : false,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    genReqId: (request: { headers: Record<string, unknown> }) =>
      givenRequestId(request.headers['x-request-id'])
        ? (request.headers['x-request-id'] as string)
        : newRequestId(),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: answerBadAddress,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_SEGMENT_LENGTH },
  } as never);
}

/** What cannot be parsed as HTTP still gets the one error body. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400;
  const body = JSON.stringify(
    errorBody(new AppError(status, 'BAD_REQUEST', STATUS_CODES[status] ?? 'Bad Request'), newRequestId()),
  );
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** What the router itself refuses, before any hook of ours. */
function answerBadAddress(
  error: { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const status = error.statusCode ?? 400;
  const answer =
    status === 414
      ? new AppError(
          414,
          'URI_TOO_LONG',
          `A name in the address has more than ${MAX_SEGMENT_LENGTH} characters`,
        )
      : new AppError(status, 'BAD_REQUEST', 'The address is not valid');
  reply
    .status(status)
    .header('x-request-id', request.id)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(errorBody(answer, request.id)));
}

/** Hooks and parsers of every request, before Nest sees it. */
export async function configureServer(app: NestFastifyApplication): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const allowed = new AllowedMethods(fastify);
  // first: pages of an allowed origin may read why a request was refused, too
  await addCors(fastify, app.get(CorsOrigins));
  addContext(fastify, allowed);
  addBodyParser(fastify);
  addYamlParser(fastify);
  addHeaders(fastify, app.get(HttpMetrics));
  await fastify.register(compress as never, {
    threshold: COMPRESS_FROM_BYTES,
    encodings: ['gzip'],
    globalDecompression: false,
  });
}

async function addCors(fastify: FastifyInstance, origins: CorsOrigins): Promise<void> {
  await fastify.register(cors as never, {
    origin: (origin: string | undefined, done: (e: Error | null, allow: boolean) => void) =>
      done(null, origin !== undefined && origins.allows(origin)),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    allowedHeaders: [
      'Authorization',
      'Cache-Control',
      'Content-Type',
      'If-Match',
      'Idempotency-Key',
      'X-API-Version',
      'X-Request-Id',
      'X-API-Key',
      'X-Tenant-Id',
    ],
    exposedHeaders: [
      'Allow',
      'Content-Digest',
      'Content-Disposition',
      'ETag',
      'Idempotent-Replayed',
      'Link',
      'X-Total-Count',
      'X-Request-Id',
      'X-Config-Version',
      'X-Cache',
      'X-RateLimit-Limit',
      'X-RateLimit-Remaining',
      'X-RateLimit-Reset',
      'Retry-After',
    ],
    maxAge: 600,
    strictPreflight: false,
  });
}

function addContext(fastify: FastifyInstance, allowed: AllowedMethods): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    if (request.raw.rawHeaders.length > MAX_HEADERS * 2)
      return done(new AppError(431, 'HEADERS_TOO_LARGE', `More than ${MAX_HEADERS} header fields`));
    if (!isWellFormedUrl(request.url))
      return done(new AppError(400, 'BAD_REQUEST', 'The address is not valid UTF-8'));
    const options = request.method === 'OPTIONS';
    const methods = options || request.is404 ? allowed.of(request.url) : [];
    if (methods.length) {
      reply.header('allow', methods.join(', '));
      if (options) return void reply.status(204).send();
      return done(new AppError(405, 'METHOD_NOT_ALLOWED', `This address takes ${methods.join(', ')}`));
    }
    beginRequest(request, reply, done);
  });
}

/** Percent-encoded bytes that are no UTF-8, and NUL, never reach a handler. */
function isWellFormedUrl(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    return !decodeURIComponent(url.replaceAll('+', ' ')).includes('\u0000');
  } catch {
    return false;
  }
}

function addBodyParser(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addHook('onRoute', (route) => {
    if (route.config?.maxBytes) route.bodyLimit = route.config.maxBytes;
  });
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding && encoding !== 'identity')
      return done(new AppError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding is not supported'));
    done(null, payload);
  });
  fastify.addContentTypeParser(
    'application/gzip',
    { bodyLimit: Number.MAX_SAFE_INTEGER },
    (request, body, done) => {
      if (request.routeOptions.config.uploads) done(null, body);
      else done(new AppError(415, 'UNSUPPORTED_MEDIA_TYPE', 'This address takes JSON'));
    },
  );
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const charset = /charset="?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
      if (charset && !/^utf-?8$/i.test(charset))
        throw new AppError(415, 'UNSUPPORTED_MEDIA_TYPE', 'The charset of a JSON body is UTF-8');
      const { rawBody, maxKeys } = request.routeOptions.config;
      if (rawBody) {
        request.rawBody = body as Buffer;
        return done(null, undefined);
      }
      done(null, parseJsonBody(body as Buffer, maxKeys ? { maxDepth: 32, maxKeys } : undefined));
    } catch (e) {
      done(e as Error);
    }
  });
}

const YAML_TYPES = /^(?:application|text)\/(?:x-)?yaml(?:;|$)/i;

/** Documents may come as YAML where the route says so. */
function addYamlParser(fastify: FastifyInstance): void {
  fastify.addContentTypeParser(YAML_TYPES, { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const { yaml, maxKeys = 1000 } = request.routeOptions.config;
      if (!yaml) throw new AppError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json');
      done(null, parseYamlBody(body as Buffer, { maxDepth: 32, maxKeys }));
    } catch (e) {
      done(e as Error);
    }
  });
}

/** Constant headers, as helmet's own work costs 20 µs a request (STACK.md §3). */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-site',
  'strict-transport-security': 'max-age=15552000; includeSubDomains',
};
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data: https:; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'";

function addHeaders(fastify: FastifyInstance, metrics: HttpMetrics): void {
  fastify.addHook('onSend', (request: FastifyRequest, reply: FastifyReply, payload, done) => {
    reply.headers(SECURITY_HEADERS);
    const docs = request.url.startsWith('/api/docs');
    if (!reply.hasHeader('content-security-policy'))
      reply.header('content-security-policy', docs ? DOCS_POLICY : API_POLICY);
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    if (typeof payload !== 'string' || payload.length >= COMPRESS_FROM_BYTES) countStreamed(reply);
    done(null, payload);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const size = Number(reply.getHeader('content-length') ?? reply.streamedBytes ?? 0) || 0;
    metrics.observe(
      request.method,
      request.routeOptions.url ?? '(none)',
      reply.statusCode,
      reply.elapsedTime / 1000,
      size,
    );
    done();
  });
}

/** What is compressed or read from a file goes out as a stream, without a length that is known before. */
function countStreamed(reply: FastifyReply): void {
  reply.raw.once('pipe', (source) =>
    source.on('data', (chunk: Buffer | string) => {
      reply.streamedBytes = (reply.streamedBytes ?? 0) + Buffer.byteLength(chunk);
    }),
  );
}
