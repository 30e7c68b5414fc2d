import { type LocalAnswer, Refusal } from '../http/answers.js';
import { headerValue, plainAddress, requestIdOf } from '../http/headers.js';
import type { Incoming } from '../http/http-front.js';
import { readRequestHead } from '../http/request-head.js';
import type { Router } from '../routing/router.js';
import type { ChallengeAnswers } from '../tls/challenge-answers.js';
import { Exchange } from './exchange.js';
import type { ExchangeContext } from './exchange-context.js';
import { type BodyLength, Reply } from './reply.js';

const UNKNOWN_HOST = new Refusal(404, 'UNKNOWN_HOST', 'No route serves this host and path');
const UPGRADE_WITH_BODY = new Refusal(400, 'UPGRADE_WITH_BODY', 'A request to switch protocols has no body');

const challengeAnswer = (body: string): LocalAnswer => ({
  status: 200,
  headers: ['Content-Type', 'text/plain', 'Cache-Control', 'no-store'],
  body,
});

/** From a client's request to its exchange: checks the head, finds the route. */
export class ReverseProxy {
  constructor(
    private readonly router: Router,
    private readonly context: ExchangeContext,
    private readonly challenges: ChallengeAnswers,
  ) {}

  readonly handle = (incoming: Incoming): void => {
    const { request, response } = incoming;
    const head = readRequestHead(request, this.context.limits.maxHeaderCount);
    if (head instanceof Refusal) {
      this.refuse(incoming, UNKNOWN_BODY, head, true);
      return;
    }
    if (incoming.upgrade && head.hasBody) {
      this.refuse(incoming, UNKNOWN_BODY, UPGRADE_WITH_BODY, true);
      return;
    }
    const challenge = this.challenges.find(head.host, head.path);
    if (challenge !== null && (request.method === 'GET' || request.method === 'HEAD')) {
      this.answer(incoming, head, challengeAnswer(challenge), this.context.stopping());
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
    const exchange = new Exchange(this.context, {
      request,
      response,
      head,
      route,
      clientAddress: plainAddress(request.socket.remoteAddress),
      requestId: requestIdOf(headerValue(request.rawHeaders, 'x-request-id')),
      meter: incoming.connection,
      scheme: incoming.scheme,
      expectsContinue: incoming.expectsContinue,
      upgrade: incoming.upgrade,
    });
    incoming.owner = exchange;
    exchange.start();
  };

  /** An answer without a route. `close`: the connection cannot be trusted to go on. */
  private refuse(incoming: Incoming, body: BodyLength, refusal: Refusal, close: boolean): void {
    this.answer(incoming, body, refusal.toAnswer(), close);
  }

  private answer(incoming: Incoming, body: BodyLength, answer: LocalAnswer, close: boolean): void {
    const { request, response, connection } = incoming;
    // These bytes are nobody's.
    incoming.owner = { closed: () => void connection.take() };
    const reply = new Reply(request, response, body, this.context.limits.clientStallTimeoutMs);
    if (close) reply.closeAfter();
    reply.local(answer, []);
  }
}

/** Of a request whose framing is in doubt. */
const UNKNOWN_BODY: BodyLength = { hasBody: false, contentLength: null };
