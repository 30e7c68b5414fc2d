import Stripe from 'stripe';
import { AppError } from '../../../common/errors.js';
import { verifySignature } from './signature.js';

const NOW = 1_780_000_000;
const payload = '{"id":"evt_1","text":"ünïcode"}';
const sign = (secret: string, timestamp = NOW) =>
  Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
const verify = (header: string | undefined, secrets: string[], body = payload) => {
  try {
    verifySignature(Buffer.from(body), header, secrets, NOW * 1000);
    return 'accepted';
  } catch (e) {
    if (e instanceof AppError) return `${e.status} ${e.code}`;
    throw e;
  }
};
const REFUSED = '400 INVALID_SIGNATURE';

describe('verifySignature', () => {
  it('accepts a signature of any of the secrets', () => {
    expect(verify(sign('whsec_old'), ['whsec_new', 'whsec_old'])).toBe('accepted');
    expect(verify(sign('whsec_new'), ['whsec_new', 'whsec_old'])).toBe('accepted');
    expect(verify(sign('whsec_gone'), ['whsec_new', 'whsec_old'])).toBe(REFUSED);
  });

  it('accepts a time up to 300 s away, in the past and in the future, and none beyond', () => {
    const times = [-301, -300, 300, 301].map((apart) => verify(sign('whsec_a', NOW + apart), ['whsec_a']));
    expect(times).toEqual([REFUSED, 'accepted', 'accepted', REFUSED]);
  });

  it('covers the raw bytes', () => {
    expect(verify(sign('whsec_a'), ['whsec_a'], payload.replace('evt_1', 'evt_2'))).toBe(REFUSED);
    expect(verify(sign('whsec_a'), ['whsec_a'], payload.replace(':', ': '))).toBe(REFUSED);
  });

  it.each([undefined, '', 'nonsense', 't=,v1=00', 'v1=00', `t=${NOW}`, `t=${NOW},v0=00`, `t=-1,v1=00`])(
    'refuses the header %j',
    (header) => {
      expect(verify(header, ['whsec_a'])).toBe(REFUSED);
    },
  );

  it('asks Stripe to come again while no secret is configured', () => {
    expect(verify(sign('whsec_a'), [])).toBe('503 WEBHOOKS_NOT_CONFIGURED');
    expect(verify(undefined, [])).toBe(REFUSED);
  });
});
