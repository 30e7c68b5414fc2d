import Stripe from 'stripe';
import { badRequest, unavailable } from '../../../common/errors.js';

/** How far the time of a delivery may be from ours, in seconds, either way; Stripe's own default for the past. */
const TOLERANCE_SECONDS = 300;

const invalidSignature = (message: string) => badRequest('INVALID_SIGNATURE', message);

/** `t=…` of the header; NaN without one. */
const timestampOf = (header: string): number => Number(/(?:^|,)\s*t=(\d{1,12})(?:,|$)/.exec(header)?.[1]);

/**
 * Checks Stripe's signature over the raw bytes (https://docs.stripe.com/webhooks/signature). Any of several secrets
 * will do, so that one can be rotated. The library looks at the age only; a time in the future, which would make a
 * captured delivery good for longer, is refused here.
 * @throws AppError 400 INVALID_SIGNATURE; 503 WEBHOOKS_NOT_CONFIGURED when a signature came and no secret is set:
 *   Stripe delivers again for days, so nothing is lost until it is
 */
export function verifySignature(
  payload: Buffer,
  header: string | undefined,
  secrets: readonly string[],
  now = Date.now(),
): void {
  if (!header) throw invalidSignature('The Stripe-Signature header is missing');
  if (!secrets.length)
    throw unavailable('WEBHOOKS_NOT_CONFIGURED', 'No webhook secret is configured on this server', 60);
  const age = Math.floor(now / 1000) - timestampOf(header);
  // not `>`: NaN must fail too
  if (!(Math.abs(age) <= TOLERANCE_SECONDS))
    throw invalidSignature('The signature’s time is missing or too far from now');
  if (!secrets.some((secret) => matches(payload, header, secret, now)))
    throw invalidSignature('The signature does not match the body');
}

function matches(payload: Buffer, header: string, secret: string, now: number): boolean {
  try {
    return Stripe.webhooks.signature!.verifyHeader(
      payload,
      header,
      secret,
      TOLERANCE_SECONDS,
      undefined,
      now,
    );
  } catch (e) {
    if (e instanceof Stripe.errors.StripeSignatureVerificationError) return false;
    throw e;
  }
}
