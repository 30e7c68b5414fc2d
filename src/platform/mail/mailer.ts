import { Injectable, Logger } from '@nestjs/common';
import { Environment } from '../config/environment.js';
import { smtpServerOf, smtpTransport } from './smtp.js';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Sends messages to people as plain text, by the SMTP server of the environment. */
@Injectable()
export class Mailer {
  private readonly logger = new Logger('mail');
  private transport: ReturnType<typeof smtpTransport> | null = null;

  constructor(private readonly environment: Environment) {}

  /** Whether there is a server to send by. */
  get configured(): boolean {
    return this.environment.SMTP_URL !== undefined;
  }

  /** One attempt; false, with a line in the log, when it failed. Never rejects. */
  async send(mail: Mail): Promise<boolean> {
    const { SMTP_URL, SMTP_FROM } = this.environment;
    if (!SMTP_URL) return false;
    try {
      this.transport ??= smtpTransport(smtpServerOf(SMTP_URL, SMTP_FROM));
      // RFC 3834: no out-of-office answers to this
      await this.transport.sendMail({
        ...mail,
        from: SMTP_FROM,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      return true;
    } catch (e) {
      this.logger.warn(`a message was not sent: ${(e as Error).message}`);
      return false;
    }
  }
}
