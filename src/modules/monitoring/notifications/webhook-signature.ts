import { createHmac } from 'node:crypto';

export const SIGNATURE_HEADER = 'X-VeloFlux-Signature';

/**
 * Signs a webhook's body the way Stripe does (https://docs.stripe.com/webhooks#verify-manually): `t=` the time in
 * seconds, and for each secret `v1=` HMAC-SHA256 over `<t>.<body>` in hexadecimal. A receiver checks one `v1` and
 * refuses a time that is minutes old. Two secrets are given while one replaces the other.
 */
export function signWebhook(body: string, secrets: readonly string[], at: Date): string {
  const seconds = Math.floor(at.getTime() / 1000);
  const signatures = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex'),
  );
  return [`t=${seconds}`, ...signatures.map((signature) => `v1=${signature}`)].join(',');
}
