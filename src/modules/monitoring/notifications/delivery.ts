import type { Notification } from './notification.js';

/** Why a notification did not arrive, in words that the one who set the channel up can act on. */
export type DeliveryFailure =
  /** The channel is set up wrongly: an address that is none, a receiver that redirects. */
  | 'configuration'
  /** The address is one that requests may not be sent to. */
  | 'blocked'
  /** No connection: no such name, nobody listening, a broken connection. */
  | 'unreachable'
  | 'timeout'
  | 'tls'
  | 'authentication'
  /** The receiver does not take this notification, now or later. */
  | 'refused'
  | 'rate_limited'
  /** The receiver has a fault of its own. */
  | 'unavailable';

interface Delivered {
  readonly delivered: true;
  /** What the receiver said. */
  readonly detail: string;
}

export interface NotDelivered {
  readonly delivered: false;
  readonly failure: DeliveryFailure;
  readonly message: string;
  /** Whether the same attempt may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** How long the receiver asks to be left alone, milliseconds; null when it does not say. */
  readonly retryAfterMs: number | null;
}

export type Delivery = Delivered | NotDelivered;

/** One way to reach somebody. */
export interface NotificationSender {
  readonly channel: 'email' | 'slack' | 'webhook';
  /** One attempt. Never rejects: what went wrong is part of the answer. */
  send(notification: Notification): Promise<Delivery>;
}

const RETRYABLE: ReadonlySet<DeliveryFailure> = new Set([
  'unreachable',
  'timeout',
  'rate_limited',
  'unavailable',
]);
const MAX_MESSAGE = 500;

/** @param retryAfterMs what the receiver asked for; null: nothing */
export function notDelivered(
  failure: DeliveryFailure,
  message: string,
  retryAfterMs: number | null = null,
): NotDelivered {
  return {
    delivered: false,
    failure,
    message: message.slice(0, MAX_MESSAGE),
    retryable: RETRYABLE.has(failure),
    retryAfterMs,
  };
}
