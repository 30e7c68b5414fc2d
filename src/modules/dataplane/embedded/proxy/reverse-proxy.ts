import { type LocalAnswer, Refusal } from '../http/answers.js';
import { headerValue, requestIdOf } from '../http/headers.js';
import type { Router } from '../routing/router.js';
import type { ChallengeAnswers } from '../tls/challenge-answers.js';
import { Exchange } from './exchange.js';
import type { ExchangeContext } from './exchange-context.js';
import type { Incoming } from './incoming.js';

const UNKNOWN_HOST = new Refusal(404, 'UNKNOWN_HOST', 'No route serves this host and path');
/** It would show a client what proxies add (RFC 9110 §9.3.8). */
const NO_TRACE = new Refusal(405, 'METHOD_NOT_ALLOWED', 'This method is not forwarded');
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
    const { request, head } = incoming;
    if (head instanceof Refusal) {
      this.refuse(incoming, head, true);
      return;
    }
    if (incoming.upgrade && head.hasBody) {
      this.refuse(incoming, UPGRADE_WITH_BODY, true);
      return;
    }
    if (request.method === 'TRACE') {
      this.refuse(incoming, NO_TRACE, this.context.stopping());
      return;
    }
    const challenge = this.challenges.find(head.host, head.path);
    if (challenge !== null && (request.method === 'GET' || request.method === 'HEAD')) {
      this.answer(incoming, challengeAnswer(challenge), this.context.stopping());
      return;
    }
    const { rawHeaders } = request;
    const route = this.router.find(head.host, head.path, { rawHeaders, query: head.query });
    if (!route) {
      this.context.telemetry.unknownHost();
      this.refuse(incoming, UNKNOWN_HOST, this.context.stopping());
      return;
    }
    const requestId = requestIdOf(headerValue(rawHeaders, 'x-request-id'));
    const exchange = new Exchange(this.context, { incoming, head, route, requestId });
    incoming.owner = exchange;
    exchange.start();
  };

  /** An answer without a route. `close`: the connection cannot be trusted to go on. */
  private refuse(incoming: Incoming, refusal: Refusal, close: boolean): void {
    this.answer(incoming, refusal.toAnswer(), close);
  }

  private answer(incoming: Incoming, answer: LocalAnswer, close: boolean): void {
    const { reply, meter } = incoming;
    // These bytes are nobody's.
    incoming.owner = { closed: () => void meter.take() };
    if (close) reply.closeAfter();
    const given = headerValue(incoming.request.rawHeaders, 'x-request-id');
    reply.local(answer, ['X-Request-Id', requestIdOf(given)]);
  }
}
