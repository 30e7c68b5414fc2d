import Stripe from 'stripe';
import { type DoubleAnswer, HttpDouble } from '../../../../test/support/http-double.js';
import { Environment } from '../../../platform/config/environment.js';
import { GuardedClient, OutgoingError } from '../../../platform/http-client/index.js';
import type { Notification } from './notification.js';
import { SlackSender } from './slack.sender.js';
import { WebhookSender } from './webhook.sender.js';

const ALERT: Notification = {
  id: 'notification_1',
  kind: 'alert.firing',
  severity: 'WARNING',
  component: 'pool & <web>',
  title: 'Backend down <!channel>',
  message: 'No answer for 30 s & more',
  occurredAt: new Date('2026-11-22T20:00:00Z'),
  tenantId: 'tenant_1',
};

describe('senders over HTTP', () => {
  let receiver: HttpDouble;
  let client: GuardedClient;
  const clientOf = (...exceptions: string[]) =>
    new GuardedClient(Object.assign(new Environment(), { OUTGOING_EXCEPTIONS: exceptions }));
  const answer = (reply: DoubleAnswer) => {
    receiver.answers = { '/hook': reply };
  };
  const slack = () => new SlackSender(client, `${receiver.url}/hook`);
  const webhook = (...secrets: string[]) =>
    new WebhookSender(client, {
      url: `${receiver.url}/hook`,
      secrets: secrets.length ? secrets : ['whsec_a'],
    });

  beforeEach(async () => {
    receiver = await new HttpDouble().start();
    client = clientOf('127.0.0.1');
    answer({ body: 'ok' });
  });
  afterEach(async () => {
    await client.onApplicationShutdown();
    await receiver.stop();
  });

  describe('SlackSender', () => {
    it('posts a message that shows what happened', async () => {
      expect(await slack().send(ALERT)).toEqual({ delivered: true, detail: '200 ok' });
      const [request] = receiver.requests;
      expect(request).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' } });
      const message = JSON.parse(request?.body ?? '');
      expect(message.text).toBe('[WARNING] Backend down &lt;!channel&gt;');
      expect(message.attachments[0].blocks[0].text.text).toBe(
        '*[WARNING] Backend down &lt;!channel&gt;*\nNo answer for 30 s &amp; more',
      );
      expect(message.attachments[0].blocks[1].elements[0].text).toBe(
        'pool &amp; &lt;web&gt; · 2026-11-22T20:00:00.000Z',
      );
    });

    it('shows that an alert is over in another colour', async () => {
      await slack().send(ALERT);
      await slack().send({ ...ALERT, kind: 'alert.resolved' });
      const [fired, resolved] = receiver.requests.map(({ body }) => JSON.parse(body));
      expect(resolved.text).toContain('[RESOLVED]');
      expect(resolved.attachments[0].color).not.toBe(fired.attachments[0].color);
    });

    it('keeps within Slack’s length of a text', async () => {
      await slack().send({ ...ALERT, message: 'x'.repeat(10_000) });
      const { attachments } = JSON.parse(receiver.requests[0]?.body ?? '');
      expect(attachments[0].blocks[0].text.text).toHaveLength(3_000);
    });

    it('tells Slack’s reason for a refusal', async () => {
      answer({ status: 404, body: 'no_service' });
      const delivery = await slack().send(ALERT);
      expect(delivery).toMatchObject({ failure: 'refused', message: 'the receiver answered 404 no_service' });
    });
  });

  describe('WebhookSender', () => {
    it('posts the notification as JSON', async () => {
      expect((await webhook().send(ALERT)).delivered).toBe(true);
      const [request] = receiver.requests;
      expect(request?.headers).toMatchObject({
        'x-veloflux-delivery': 'notification_1',
        'x-veloflux-event': 'alert.firing',
      });
      expect(JSON.parse(request?.body ?? '')).toEqual({
        id: 'notification_1',
        type: 'alert.firing',
        data: {
          severity: 'WARNING',
          component: 'pool & <web>',
          title: 'Backend down <!channel>',
          message: 'No answer for 30 s & more',
          occurred_at: '2026-11-22T20:00:00.000Z',
          tenant_id: 'tenant_1',
        },
      });
    });

    it('signs so that Stripe’s own library verifies it, with each of the secrets', async () => {
      await webhook('whsec_old', 'whsec_new').send(ALERT);
      const { body, headers } = receiver.requests[0] as { body: string; headers: Record<string, string> };
      const header = headers['x-veloflux-signature'] as string;
      const verify = (text: string, secret: string) =>
        Stripe.webhooks.signature?.verifyHeader(text, header, secret, 300);
      expect(verify(body, 'whsec_old')).toBe(true);
      expect(verify(body, 'whsec_new')).toBe(true);
      expect(() => verify(body, 'whsec_other')).toThrow();
      expect(() => verify(`${body} `, 'whsec_new')).toThrow();
    });
  });

  describe.each(['slack', 'webhook'] as const)('%s', (channel) => {
    const send = () => (channel === 'slack' ? slack() : webhook()).send(ALERT);

    it.each([
      [400, 'refused', false],
      [401, 'authentication', false],
      [403, 'authentication', false],
      [404, 'refused', false],
      [408, 'unavailable', true],
      [410, 'refused', false],
      [429, 'rate_limited', true],
      [500, 'unavailable', true],
      [503, 'unavailable', true],
    ])('an answer %i is not delivered: %s', async (status, failure, retryable) => {
      answer({ status });
      expect(await send()).toEqual({
        delivered: false,
        failure,
        retryable,
        message: `the receiver answered ${status}`,
        retryAfterMs: null,
      });
    });

    it.each([
      ['30', 30_000],
      ['999999', 3_600_000],
      ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
      ['soon', null],
    ])('honours Retry-After: %s', async (value, retryAfterMs) => {
      answer({ status: 429, headers: { 'retry-after': value } });
      expect(await send()).toMatchObject({ retryAfterMs });
    });

    it('a redirect is a matter of configuration', async () => {
      answer({ status: 302, headers: { location: '/other' } });
      expect(await send()).toMatchObject({ failure: 'configuration', retryable: false });
    });

    it('a receiver that is not there is unreachable', async () => {
      await receiver.stop();
      expect(await send()).toMatchObject({ failure: 'unreachable', retryable: true });
      await receiver.start();
    });

    it('an address that may not be reached is blocked, and nothing is sent', async () => {
      const guarded = clientOf();
      const target = `${receiver.url}/hook`;
      const sender =
        channel === 'slack'
          ? new SlackSender(guarded, target)
          : new WebhookSender(guarded, { url: target, secrets: ['whsec_a'] });
      expect(await sender.send(ALERT)).toMatchObject({ failure: 'blocked', retryable: false });
      expect(receiver.requests).toEqual([]);
      await guarded.onApplicationShutdown();
    });
  });

  it.each([
    ['timeout', 'timeout', true],
    ['dns', 'unreachable', true],
    ['tls', 'tls', false],
    ['too_large', 'refused', false],
  ] as const)('a request that failed with %s is not delivered: %s', async (outgoing, failure, retryable) => {
    const failing = { fetch: () => Promise.reject(new OutgoingError(outgoing, 'why')) };
    const delivery = await new SlackSender(failing, 'https://hooks.example.com/').send(ALERT);
    expect(delivery).toMatchObject({ delivered: false, failure, retryable, message: 'why' });
  });

  it('an address that is none is a matter of configuration, not an error', async () => {
    expect(await new SlackSender(client, 'nonsense').send(ALERT)).toMatchObject({ failure: 'configuration' });
  });
});
