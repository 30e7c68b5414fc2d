import { type SmtpServer, smtpTransport } from '../../../platform/mail/index.js';
import {
  type Delivery,
  type DeliveryFailure,
  type NotDelivered,
  type NotificationSender,
  notDelivered,
} from './delivery.js';
import { headlineOf, type Notification } from './notification.js';

/** What nodemailer adds to its errors (https://nodemailer.com/errors). */
interface SmtpError extends Error {
  readonly code?: string;
  /** Code of the system's error that `code` replaced. */
  readonly originalCode?: string;
  readonly responseCode?: number;
  /** The server's refusal will be the same at every attempt. */
  readonly permanent?: boolean;
}

/** Sends notifications by SMTP, as plain text. */
export class EmailSender implements NotificationSender {
  readonly channel = 'email';
  private readonly transport;

  constructor(
    private readonly server: SmtpServer,
    private readonly recipient: string,
  ) {
    this.transport = smtpTransport(server);
  }

  async send(notification: Notification): Promise<Delivery> {
    try {
      const { response } = await this.transport.sendMail(this.toMail(notification));
      return { delivered: true, detail: response };
    } catch (error) {
      return classify(error as SmtpError);
    }
  }

  private toMail(notification: Notification) {
    return {
      from: this.server.from,
      to: this.recipient,
      subject: headlineOf(notification),
      text: textOf(notification),
      // The same at every attempt: mail programs show repetitions once.
      messageId: `<${notification.id}@${domainOf(this.server.from)}>`,
      // RFC 3834: no out-of-office answers to this.
      headers: { 'Auto-Submitted': 'auto-generated' },
    };
  }
}

function textOf(notification: Notification): string {
  return [
    notification.message,
    '',
    `Severity:  ${notification.severity}`,
    `Component: ${notification.component}`,
    `Time:      ${notification.occurredAt.toISOString()}`,
    '',
  ].join('\n');
}

const domainOf = (address: string) => /@([A-Za-z0-9.-]+)/.exec(address)?.[1] ?? 'veloflux';

function classify(error: SmtpError): NotDelivered {
  return notDelivered(failureOf(error), error.message);
}

function failureOf({ code, originalCode, responseCode, permanent }: SmtpError): DeliveryFailure {
  if (responseCode !== undefined && responseCode >= 400 && !permanent) return 'unavailable';
  switch (code) {
    case 'EAUTH':
      return 'authentication';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'ETLS':
      return 'tls';
    case 'ESOCKET':
      return isOfCertificate(originalCode) ? 'tls' : 'unreachable';
    case 'ECONNECTION':
    case 'EDNS':
      return 'unreachable';
    default:
      return responseCode === undefined ? 'configuration' : 'refused';
  }
}

/** Codes of OpenSSL and of Node's TLS module. */
function isOfCertificate(code: string | undefined): boolean {
  return /CERT|^ERR_TLS|^ERR_SSL|^UNABLE_TO_|^HOSTNAME_MISMATCH/.test(code ?? '');
}
