import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Refusal } from '../http/answers.js';
import { forwardedRequestHeaders, forwardedResponseHeaders, headerValue } from '../http/headers.js';
import type { RequestHead } from '../http/request-head.js';
import type { EngineLimits } from '../options.js';
import type { Backend } from '../pools/backend.js';
import type { Pool } from '../pools/pool.js';
import { readCookie, stickyCookie } from '../pools/sticky.js';
import type { Route } from '../routing/route.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.js';
import { Reply } from './reply.js';
import { type BodyFault, RequestBody } from './request-body.js';
import { Tunnel } from './tunnel.js';

/** What exchanges share. */
export interface ExchangeContext {
  readonly limits: EngineLimits;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  readonly random: () => number;
  readonly telemetry: Telemetry;
  readonly scheme: 'http' | 'https';
  readonly stopping: () => boolean;
  /** WebSocket connections, for the shutdown. */
  readonly tunnels: Set<Tunnel>;
}

/** Bytes on the client's connection since the last exchange on it. */
export interface ByteMeter {
  take(): { in: number; out: number };
}

export interface ExchangeInput {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly head: RequestHead;
  readonly route: Route;
  readonly clientAddress: string;
  readonly requestId: string;
  readonly meter: ByteMeter;
  /** The client waits for 100 Continue before it sends the body. */
  readonly expectsContinue: boolean;
  /** Protocol to switch to, else null. */
  readonly upgrade: string | null;
}

/** RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * One request from its route to the end of its answer: chooses backends, tries again where that is safe, and counts.
 *
 * A try is repeated on another backend when it failed before an answer and none of the body was read, and either
 * nothing was written yet (any method: the backend cannot have acted) or the method is idempotent. A request that is
 * not idempotent and was written on a kept-alive connection that closed is not repeated: whether the backend read it
 * before closing cannot be known (RFC 9110 §9.2.2), and doing something twice is worse than a 502.
 */
export class Exchange implements AttemptOwner {
  private readonly reply: Reply;
  private readonly startedAt: number;
  private pool: Pool | null = null;
  private attempt: Attempt | null = null;
  private tried: Backend[] = [];
  private retriesLeft = 0;
  private headers: string[] = [];
  private body: RequestBody | null = null;
  private tunnel: Tunnel | null = null;
  private stickyBackend: Backend | null = null;

  constructor(
    private readonly context: ExchangeContext,
    private readonly input: ExchangeInput,
  ) {
    this.startedAt = context.now();
    this.reply = new Reply(input.request, input.response, input.head, context.limits.clientStallTimeoutMs);
    input.response.on('close', () => this.onClosed());
  }

  get paused(): boolean {
    return this.reply.paused;
  }

  start(): void {
    const { request, head, route, clientAddress, requestId } = this.input;
    this.pool = route.choosePool(this.context.random);
    this.retriesLeft = this.pool.config.retries;
    this.headers = forwardedRequestHeaders(request.rawHeaders, {
      clientAddress,
      requestId,
      scheme: this.context.scheme,
      hostField: head.hostField,
    });
    if (head.hasBody) this.body = this.makeBody();
    if (this.pool.config.stickySessions) this.stickyBackend = this.findSticky(this.pool);
    this.tryBackend(this.pool, this.stickyBackend ?? this.choose(this.pool));
  }

  onInterim(status: number, headers: string[]): void {
    const { request, response } = this.input;
    if (status !== 103 || request.httpVersion !== '1.1') return;
    const link = headers.filter((_, i) => i % 2 === 1 && headers[i - 1].toLowerCase() === 'link');
    try {
      if (link.length > 0) response.writeEarlyHints({ link });
    } catch {
      // Node refuses some valid Link values; hints may be left out.
    }
  }

  onHead(status: number, reason: string, raw: string[], resume: () => void): void {
    const headers = forwardedResponseHeaders(raw);
    this.addOwnHeaders(headers);
    this.reply.head(status, reason, headers, resume);
  }

  onData(chunk: Buffer): boolean {
    return this.reply.write(chunk);
  }

  onEnd(): void {
    this.body?.destroy();
    this.reply.end();
  }

  onUpgrade(raw: string[], socket: Duplex): void {
    const headers = forwardedResponseHeaders(raw);
    headers.push('Connection', 'Upgrade', 'Upgrade', headerValue(raw, 'upgrade') ?? this.input.upgrade ?? '');
    this.addOwnHeaders(headers);
    this.reply.status = 101;
    this.tunnel = new Tunnel(this.input.request.socket, socket, this.context.limits.tunnelIdleTimeoutMs);
    this.context.tunnels.add(this.tunnel);
    this.record();
    this.tunnel.open(this.input.response, headers, () => this.onTunnelClosed());
  }

  onFailure(failure: AttemptFailure): void {
    const { request } = this.input;
    if (this.reply.headSent) {
      this.reply.cut();
      return;
    }
    const pool = this.pool!;
    const repeatable =
      failure.kind !== 'timeout' &&
      failure.kind !== 'protocol' &&
      !this.body?.started &&
      (!failure.sent || IDEMPOTENT.has(request.method ?? ''));
    if (repeatable && this.retriesLeft > 0) {
      this.retriesLeft--;
      // With nobody else to ask, a connection that closed under the request may only have been an old one.
      const next = this.choose(pool) ?? (failure.sent ? pool.pick(this.pickRequest(), []) : null);
      if (next) {
        this.tryBackend(pool, next);
        return;
      }
    }
    this.refuse(refusalFor(failure));
  }

  private choose(pool: Pool): Backend | null {
    return pool.pick(this.pickRequest(), this.tried);
  }

  private pickRequest(): { clientAddress: string; now: number } {
    return { clientAddress: this.input.clientAddress, now: this.context.now() };
  }

  private tryBackend(pool: Pool, backend: Backend | null): void {
    if (!backend) {
      this.refuse(new Refusal(503, 'NO_BACKEND', 'No backend is available', ['Retry-After', '5']));
      return;
    }
    const { request, head, upgrade } = this.input;
    this.tried.push(backend);
    this.attempt = new Attempt(backend, this, pool.config.responseTimeoutMs, this.context.now);
    const target = head.path + head.query;
    this.attempt.start({ method: request.method!, target, headers: this.headers, body: this.body, upgrade });
  }

  private findSticky(pool: Pool): Backend | null {
    const token = readCookie(this.input.request.rawHeaders, pool.stickyCookieName);
    return token === null ? null : pool.byStickyToken(token);
  }

  private makeBody(): RequestBody {
    const { request, response, expectsContinue } = this.input;
    return new RequestBody(request, {
      limits: this.context.limits,
      maxBytes: Number.POSITIVE_INFINITY,
      now: this.context.now,
      onStart: () => expectsContinue && response.writeContinue(),
      onProgress: () => this.attempt?.touch(),
      onFault: (fault) => this.onBodyFault(fault),
    });
  }

  private onBodyFault(fault: BodyFault): void {
    this.attempt?.cancel();
    if (fault === 'slow')
      this.refuse(new Refusal(408, 'REQUEST_TIMEOUT', 'The request body came too slowly'));
    else if (fault === 'too-large')
      this.refuse(new Refusal(413, 'BODY_TOO_LARGE', 'The request body is too large'));
  }

  /** Fields that the engine adds to a backend's answer. */
  private addOwnHeaders(headers: string[]): void {
    const backend = this.attempt!.backend;
    if (this.pool?.config.stickySessions && backend !== this.stickyBackend) {
      const secure = this.context.scheme === 'https';
      headers.push('Set-Cookie', stickyCookie(this.pool.stickyCookieName, backend.stickyToken, secure));
    }
    if (headerValue(headers, 'x-request-id') === undefined)
      headers.push('X-Request-Id', this.input.requestId);
    if (this.context.stopping()) this.reply.closeAfter();
  }

  private refuse(refusal: Refusal): void {
    this.body?.destroy();
    if (this.context.stopping()) this.reply.closeAfter();
    this.reply.local(refusal.toAnswer(), ['X-Request-Id', this.input.requestId]);
  }

  /** The answer is out, or the client is gone. */
  private onClosed(): void {
    if (this.tunnel) return;
    this.reply.close();
    this.attempt?.cancel();
    this.body?.destroy();
    this.record();
    this.addBytes();
  }

  private onTunnelClosed(): void {
    this.context.tunnels.delete(this.tunnel!);
    this.attempt!.tunnelClosed();
    this.addBytes();
  }

  private record(): void {
    const { request, head, route, clientAddress, requestId } = this.input;
    this.context.telemetry.request({
      route,
      poolId: this.pool?.config.id ?? null,
      backend: this.answeringBackend(),
      method: request.method!,
      path: head.path,
      // 499 as nginx logs it: the client went before there was an answer.
      status: this.reply.status || 499,
      latencyMs: this.context.now() - this.startedAt,
      clientAddress,
      requestId,
    });
  }

  private addBytes(): void {
    const bytes = this.input.meter.take();
    this.input.route.counters.addBytes(
      this.pool?.config.id ?? null,
      this.answeringBackend(),
      bytes.in,
      bytes.out,
    );
  }

  private answeringBackend(): Backend | null {
    return this.attempt?.answered ? this.attempt.backend : null;
  }
}

function refusalFor({ kind }: AttemptFailure): Refusal {
  if (kind === 'timeout') return new Refusal(504, 'GATEWAY_TIMEOUT', 'The backend did not answer in time');
  if (kind === 'connect-timeout')
    return new Refusal(504, 'CONNECT_TIMEOUT', 'The backend could not be reached in time');
  if (kind === 'protocol') return new Refusal(502, 'BAD_ANSWER', 'The backend sent an invalid answer');
  return new Refusal(502, 'BAD_GATEWAY', 'The backend could not be reached');
}
