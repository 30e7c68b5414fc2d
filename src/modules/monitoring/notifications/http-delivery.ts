import {
  type GuardedClient,
  OutgoingError,
  type OutgoingFailure,
} from '../../../platform/http-client/index.js';
import { type Delivery, type DeliveryFailure, notDelivered } from './delivery.js';

/** The client for addresses that a user gives. */
export type OutgoingClient = Pick<GuardedClient, 'fetch'>;

/** Of the whole exchange, ms. */
const TIME_LIMIT_MS = 5_000;
const MAX_RETRY_AFTER_MS = 3_600_000;

const FAILURES: Record<OutgoingFailure, DeliveryFailure> = {
  blocked_address: 'blocked',
  dns: 'unreachable',
  refused: 'unreachable',
  timeout: 'timeout',
  tls: 'tls',
  // It did answer; whether it took the notification cannot be known, and a repetition would be one too many.
  too_large: 'refused',
  redirect: 'configuration',
};

/** Posts the JSON text; any 2xx answer means that it arrived. Never rejects. */
export async function postJson(
  client: OutgoingClient,
  url: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Delivery> {
  try {
    const response = await client.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      timeoutMs: TIME_LIMIT_MS,
    });
    return classify(response, await response.text());
  } catch (error) {
    if (error instanceof OutgoingError) return notDelivered(FAILURES[error.failure], error.message);
    return notDelivered('configuration', (error as Error).message);
  }
}

function classify(response: Response, text: string): Delivery {
  const answer = `${response.status} ${text.trim().slice(0, 200)}`.trim();
  if (response.ok) return { delivered: true, detail: answer };
  const failure = failureOf(response.status);
  return notDelivered(
    failure,
    `the receiver answered ${answer}`,
    retryAfterMs(response.headers.get('retry-after')),
  );
}

function failureOf(status: number): DeliveryFailure {
  if (status === 401 || status === 403) return 'authentication';
  if (status === 429) return 'rate_limited';
  // 408 and 425 ask for another attempt (RFC 9110 §15.5.9, RFC 8470 §5.2).
  if (status >= 500 || status === 408 || status === 425) return 'unavailable';
  return 'refused';
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds or a date; at most an hour is honoured. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}
