import type { Delivery, NotificationSender } from './delivery.js';
import { type OutgoingClient, postJson } from './http-delivery.js';
import { headlineOf, type Notification } from './notification.js';

/** Bars beside the message, by severity; the resolved ones are green. */
const COLOURS = { CRITICAL: '#d92d20', WARNING: '#f79009', INFO: '#2e90fa' } as const;
const RESOLVED_COLOUR = '#12b76a';
/** Slack's limit of a section's text, characters. */
const MAX_TEXT = 3_000;

/** Posts notifications to a Slack incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). */
export class SlackSender implements NotificationSender {
  readonly channel = 'slack';

  constructor(
    private readonly client: OutgoingClient,
    private readonly webhookUrl: string,
  ) {}

  send(notification: Notification): Promise<Delivery> {
    return postJson(this.client, this.webhookUrl, JSON.stringify(toMessage(notification)));
  }
}

function toMessage(notification: Notification) {
  const headline = escapeText(headlineOf(notification));
  const color = notification.kind === 'alert.resolved' ? RESOLVED_COLOUR : COLOURS[notification.severity];
  const context = `${notification.component} · ${notification.occurredAt.toISOString()}`;
  return {
    // What notifications on a phone show, and programs that know no attachments.
    text: headline,
    attachments: [
      {
        color,
        blocks: [
          section(`*${headline}*\n${escapeText(notification.message)}`),
          { type: 'context', elements: [{ type: 'mrkdwn', text: escapeText(context).slice(0, MAX_TEXT) }] },
        ],
      },
    ],
  };
}

const section = (text: string) => ({
  type: 'section',
  text: { type: 'mrkdwn', text: text.slice(0, MAX_TEXT) },
});

/** The three characters that Slack gives a meaning; without this a message could mention a whole channel. */
const escapeText = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
