import type { Duplex } from 'node:stream';
import type { PickRequest } from '../balancing/balancer.js';
import { isCorsHeader } from '../features/cors.js';
import type { LocalAnswer } from '../http/answers.js';
import { forwardedRequestHeaders, forwardedResponseHeaders, headerValue } from '../http/headers.js';
import type { Backend } from '../pools/backend.js';
import type { Pool } from '../pools/pool.js';
import { readCookie, stickyCookie } from '../pools/sticky.js';
import { Attempt, type AttemptFailure, type AttemptOwner, type Pausable } from './attempt.js';
import type { ExchangeContext, ExchangeInput } from './exchange-context.js';
import { BODY_TOO_LARGE, BODY_TOO_SLOW, isRepeatable, NO_BACKEND, refusalFor } from './failures.js';
import type { ClientReply } from './incoming.js';
import { type BodyFault, RequestBody } from './request-body.js';
import { Tunnel } from './tunnel.js';

/** One request from its route to the end of its answer: asks the route's rules, chooses backends, tries again, counts. */
export class Exchange implements AttemptOwner {
  private readonly reply: ClientReply;
  private readonly startedAt: number;
  private pool: Pool | null = null;
  private attempt: Attempt | null = null;
  private tried: Backend[] = [];
  private retriesLeft = 0;
  private headers: string[] = [];
  private body: RequestBody | null = null;
  private tunnel: Tunnel | null = null;
  /** The usable backend that the client's cookie leads to. */
  private stickyBackend: Backend | null = null;

  constructor(
    private readonly context: ExchangeContext,
    private readonly input: ExchangeInput,
  ) {
    this.startedAt = context.now();
    this.reply = input.incoming.reply;
  }

  get paused(): boolean {
    return this.reply.paused || (this.body?.awaited ?? false);
  }

  start(): void {
    const { head, route, requestId } = this.input;
    const { request, clientAddress, scheme } = this.input.incoming;
    const answer = this.askRules();
    if (answer) {
      this.answer(answer);
      return;
    }
    const pool = this.choosePool();
    this.pool = pool;
    this.retriesLeft = route.rules.retries ?? pool.config.retries;
    const from = { clientAddress, requestId, scheme, hostField: head.hostField };
    this.headers = forwardedRequestHeaders(request.rawHeaders, from);
    if (route.rules.requestHeaders) this.headers = route.rules.requestHeaders.apply(this.headers);
    if (head.hasBody) this.body = this.makeBody();
    this.tryBackend(pool, this.stickyBackend ?? this.choose(pool));
  }

  onInterim(status: number, headers: string[]): void {
    if (status !== 103) return;
    const links = headers.filter((_, i) => i % 2 === 1 && headers[i - 1].toLowerCase() === 'link');
    if (links.length > 0) this.reply.earlyHints(links);
  }

  onHead(status: number, reason: string, raw: string[], source: Pausable): void {
    this.reply.head(status, reason, this.responseHeaders(raw), source);
  }

  onData(chunk: Buffer): boolean {
    return this.reply.write(chunk);
  }

  onFlush(): void {
    this.reply.flush();
  }

  onEnd(): void {
    this.body?.destroy();
    this.reply.end();
  }

  onUpgrade(raw: string[], socket: Duplex): void {
    const offer = this.input.incoming.upgrade!;
    const headers = this.responseHeaders(raw);
    headers.push('Connection', 'Upgrade', 'Upgrade', headerValue(raw, 'upgrade') ?? offer.protocol);
    this.reply.status = 101;
    this.tunnel = new Tunnel(offer.socket, socket, this.context.limits.tunnelIdleTimeoutMs);
    this.context.tunnels.add(this.tunnel);
    this.record();
    this.tunnel.open(offer.response, headers, () => this.onTunnelClosed());
  }

  onFailure(failure: AttemptFailure): void {
    if (this.reply.headSent) {
      this.reply.cut();
      return;
    }
    const next = this.nextAfter(failure);
    if (next) this.tryBackend(this.pool!, next);
    else this.answer(refusalFor(failure).toAnswer());
  }

  /** Another backend to try, or null. */
  private nextAfter(failure: AttemptFailure): Backend | null {
    const started = this.body?.started ?? false;
    if (this.retriesLeft === 0 || !isRepeatable(failure, this.input.incoming.request.method, started))
      return null;
    this.retriesLeft--;
    const other = this.choose(this.pool!);
    // With nobody else to ask, a connection that closed under the request may only have been an old one.
    return other ?? (failure.sent ? this.pool!.pick(this.pickRequest(), []) : null);
  }

  private askRules(): LocalAnswer | null {
    const { guards } = this.input.route.rules;
    if (guards.length === 0) return null;
    const { request, clientAddress, scheme } = this.input.incoming;
    const { method, rawHeaders } = request;
    const { host, path, query, contentLength } = this.input.head;
    const target = { method, scheme, host, path, query };
    const asked = { ...target, rawHeaders, clientAddress, contentLength, now: this.startedAt };
    for (const guard of guards) {
      const answer = guard(asked);
      if (answer) return answer;
    }
    return null;
  }

  /** By weight, unless a sticky cookie leads to a backend of one of the pools. */
  private choosePool(): Pool {
    const { route, incoming } = this.input;
    for (const { pool, weight } of route.targets) {
      if (!pool.config.stickySessions || weight === 0) continue;
      const token = readCookie(incoming.request.rawHeaders, pool.stickyCookieName);
      this.stickyBackend = token === null ? null : pool.byStickyToken(token);
      if (this.stickyBackend) return pool;
    }
    return route.choosePool(this.context.random);
  }

  private choose(pool: Pool): Backend | null {
    return pool.pick(this.pickRequest(), this.tried);
  }

  private pickRequest(): PickRequest {
    return { clientAddress: this.input.incoming.clientAddress, now: this.context.now() };
  }

  private tryBackend(pool: Pool, backend: Backend | null): void {
    if (!backend) {
      this.answer(NO_BACKEND.toAnswer());
      return;
    }
    const { head, route, incoming } = this.input;
    this.tried.push(backend);
    const timeoutMs = route.rules.responseTimeoutMs ?? pool.config.responseTimeoutMs;
    this.attempt = new Attempt(backend, this, timeoutMs, this.context.now);
    const path = route.rules.rewrite ? route.rules.rewrite(head.path) : head.path;
    this.attempt.start({
      method: incoming.request.method,
      target: path + head.query,
      headers: this.headers,
      body: this.body,
      contentLength: head.contentLength,
      upgrade: incoming.upgrade?.protocol ?? null,
    });
  }

  private makeBody(): RequestBody {
    const { request, reply, expectsContinue } = this.input.incoming;
    return new RequestBody(request.body, {
      limits: this.context.limits,
      maxBytes: this.input.route.rules.maxBodyBytes,
      now: this.context.now,
      onStart: () => expectsContinue && reply.goOn(),
      onProgress: () => this.attempt?.touch(),
      onFault: (fault) => this.onBodyFault(fault),
    });
  }

  private onBodyFault(fault: BodyFault): void {
    this.attempt?.cancel();
    if (fault !== 'gone') this.answer((fault === 'slow' ? BODY_TOO_SLOW : BODY_TOO_LARGE).toAnswer());
  }

  /** A backend's fields for the client, changed by the route's rules, then what the engine adds itself. */
  private responseHeaders(raw: string[]): string[] {
    const { route, requestId, incoming } = this.input;
    const { backend } = this.attempt!;
    const { cors, responseHeaders } = route.rules;
    let headers = forwardedResponseHeaders(raw, cors ? isCorsHeader : null);
    if (responseHeaders) headers = responseHeaders.apply(headers);
    if (cors) headers = cors.applyTo(headers, headerValue(incoming.request.rawHeaders, 'origin'));
    if (this.pool?.config.stickySessions && backend !== this.stickyBackend) {
      const secure = incoming.scheme === 'https';
      headers.push('Set-Cookie', stickyCookie(this.pool.stickyCookieName, backend.stickyToken, secure));
    }
    if (headerValue(headers, 'x-request-id') === undefined) headers.push('X-Request-Id', requestId);
    if (this.context.stopping()) this.reply.closeAfter();
    return headers;
  }

  /** Answers in the backend's place. */
  private answer(answer: LocalAnswer): void {
    const { route, requestId, incoming } = this.input;
    this.body?.destroy();
    if (this.context.stopping()) this.reply.closeAfter();
    const cors = route.rules.cors?.headersFor(headerValue(incoming.request.rawHeaders, 'origin')) ?? [];
    this.reply.local(answer, ['X-Request-Id', requestId, ...cors]);
  }

  /** The answer is out, or the client is gone. */
  closed(): void {
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
    const { incoming, head, route, requestId } = this.input;
    this.context.telemetry.request({
      route,
      poolId: this.pool?.config.id ?? null,
      backend: this.answeringBackend(),
      method: incoming.request.method,
      path: head.path,
      // 499 as nginx logs it: the client went before there was an answer.
      status: this.reply.status || 499,
      latencyMs: this.context.now() - this.startedAt,
      clientAddress: incoming.clientAddress,
      requestId,
    });
  }

  private addBytes(): void {
    const bytes = this.input.incoming.meter.take();
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
