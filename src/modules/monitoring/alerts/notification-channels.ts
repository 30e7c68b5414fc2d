import { Injectable } from '@nestjs/common';
import { Environment } from '../../../platform/config/environment.js';
import { GuardedClient } from '../../../platform/http-client/index.js';
import { smtpServerOf } from '../../../platform/mail/index.js';
import { SettingsService } from '../../settings/index.js';
import {
  type Delivery,
  EmailSender,
  type Notification,
  type NotificationSender,
  SlackSender,
  WebhookSender,
} from '../notifications/index.js';

export const NOTIFICATION_CHANNELS = ['email', 'slack', 'webhook'] as const;
export type NotificationChannel = (typeof NOTIFICATION_CHANNELS)[number];

/**
 * The ways to reach the operators: an e-mail address and Slack from the settings, a signed webhook from the
 * environment. A channel is on when its setting says so and the environment has what it needs.
 */
@Injectable()
export class NotificationChannels {
  private email: { recipient: string; sender: EmailSender } | null = null;

  constructor(
    private readonly environment: Environment,
    private readonly settings: SettingsService,
    private readonly client: GuardedClient,
  ) {}

  /** Channels that notifications of alerts go to. */
  enabled(): NotificationChannel[] {
    const settings = this.settings.current;
    const on = {
      email: settings.email_notifications,
      slack: settings.slack_notifications,
      webhook: true,
    };
    return NOTIFICATION_CHANNELS.filter((channel) => on[channel] && this.missing(channel) === null);
  }

  /** What a channel lacks to be used, for people; null: nothing. */
  missing(channel: NotificationChannel): string | null {
    const { SMTP_URL, SLACK_WEBHOOK_URL, NOTIFY_WEBHOOK_URL, NOTIFY_WEBHOOK_SECRET } = this.environment;
    if (channel === 'email' && !SMTP_URL) return 'SMTP_URL is not set';
    if (channel === 'email' && !this.settings.current.notification_email)
      return 'the setting notification_email is empty';
    if (channel === 'slack' && !SLACK_WEBHOOK_URL) return 'SLACK_WEBHOOK_URL is not set';
    if (channel === 'webhook' && !NOTIFY_WEBHOOK_URL) return 'NOTIFY_WEBHOOK_URL is not set';
    if (channel === 'webhook' && !NOTIFY_WEBHOOK_SECRET) return 'NOTIFY_WEBHOOK_SECRET is not set';
    return null;
  }

  /** One attempt; never rejects. */
  async send(channel: NotificationChannel, notification: Notification): Promise<Delivery> {
    const missing = this.missing(channel);
    if (missing !== null)
      return {
        delivered: false,
        failure: 'configuration',
        message: missing,
        retryable: false,
        retryAfterMs: null,
      };
    return this.sender(channel).send(notification);
  }

  private sender(channel: NotificationChannel): NotificationSender {
    const { SLACK_WEBHOOK_URL, NOTIFY_WEBHOOK_URL, NOTIFY_WEBHOOK_SECRET } = this.environment;
    if (channel === 'slack') return new SlackSender(this.client, SLACK_WEBHOOK_URL!);
    if (channel === 'webhook')
      return new WebhookSender(this.client, { url: NOTIFY_WEBHOOK_URL!, secrets: [NOTIFY_WEBHOOK_SECRET!] });
    const recipient = this.settings.current.notification_email;
    if (this.email?.recipient !== recipient)
      this.email = {
        recipient,
        sender: new EmailSender(
          smtpServerOf(this.environment.SMTP_URL!, this.environment.SMTP_FROM),
          recipient,
        ),
      };
    return this.email.sender;
  }
}
