import { Refusal } from '../http/answers.js';
import { headerValue, plainAddress, requestIdOf } from '../http/headers.js';
import type { Incoming } from '../http/http-front.js';
import { readRequestHead } from '../http/request-head.js';
import type { Router } from '../routing/router.js';
import { Exchange } from './exchange.js';
import type { ExchangeContext } from './exchange-context.js';
import { type BodyLength, Reply } from './reply.js';

const UNKNOWN_HOST = new Refusal(404, 'UNKNOWN_HOST', 'No route serves this host and path');

/** From a client's request to its exchange: checks the head, finds the route. */
export class ReverseProxy {
  private inFlight = 0;

  constructor(
    private readonly router: Router,
    private readonly context: ExchangeContext,
  ) {}

  get requestsInFlight(): number {
    return this.inFlight;
  }

  readonly handle = (incoming: Incoming): void => {
    const { request, response } = incoming;
    this.inFlight++;
    response.on('close', () => this.inFlight--);
    const head = readRequestHead(request, this.context.limits.maxHeaderCount);
    if (head instanceof Refusal) {
      this.refuse(incoming, UNKNOWN_BODY, head, true);
      return;
    }
    const route = this.router.find(head.host, head.path, {
      rawHeaders: request.rawHeaders,
      query: head.query,
    });
    if (!route) {
      this.context.telemetry.unknownHost();
      this.refuse(incoming, head, UNKNOWN_HOST, this.context.stopping());
      return;
    }
    new Exchange(this.context, {
      request,
      response,
      head,
      route,
      clientAddress: plainAddress(request.socket.remoteAddress),
      requestId: requestIdOf(headerValue(request.rawHeaders, 'x-request-id')),
      meter: incoming.connection,
      expectsContinue: incoming.expectsContinue,
      upgrade: incoming.upgrade,
    }).start();
  };

  /** An answer without a route. `close`: the connection cannot be trusted to go on. */
  private refuse(incoming: Incoming, body: BodyLength, refusal: Refusal, close: boolean): void {
    const { request, response, connection } = incoming;
    // These bytes are nobody's.
    response.on('close', () => connection.take());
    const reply = new Reply(request, response, body, this.context.limits.clientStallTimeoutMs);
    if (close) reply.closeAfter();
    reply.local(refusal.toAnswer(), []);
  }
}

/** Of a request whose framing is in doubt. */
const UNKNOWN_BODY: BodyLength = { hasBody: false, contentLength: null };
