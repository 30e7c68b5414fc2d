import { createServer } from 'node:net';
import { SmtpDouble } from '../../../../test/support/smtp-double.js';
import type { SmtpServer } from '../../../platform/mail/index.js';
import { EmailSender } from './email.sender.js';
import type { Notification } from './notification.js';

const ALERT: Notification = {
  id: 'notification_1',
  kind: 'alert.firing',
  severity: 'CRITICAL',
  component: 'node-a',
  title: 'CPU above 80 %',
  message: 'CPU use is 93 %.\n.hidden\nÜberlast',
  occurredAt: new Date('2026-11-22T20:00:00Z'),
  tenantId: null,
};

describe('EmailSender', () => {
  let smtp: SmtpDouble;
  const sender = (members: Partial<SmtpServer> = {}, recipient = 'ops@example.com') =>
    new EmailSender(
      {
        host: '127.0.0.1',
        port: smtp.port,
        tls: 'none',
        login: null,
        from: 'VeloFlux <alerts@veloflux.example>',
        timeoutMs: 300,
        ...members,
      },
      recipient,
    );

  beforeEach(async () => {
    smtp = await new SmtpDouble().start();
  });
  afterEach(() => smtp.stop());

  it('delivers the notification to the recipient', async () => {
    expect(await sender().send(ALERT)).toEqual({ delivered: true, detail: '250 2.0.0 queued as 1' });
    const [mail] = smtp.mails;
    expect(mail).toMatchObject({ from: 'alerts@veloflux.example', to: ['ops@example.com'] });
    expect(mail?.content).toContain('Subject: [CRITICAL] CPU above 80 %\n');
    expect(mail?.content).toContain('Auto-Submitted: auto-generated\n');
    expect(bodyOf(mail?.content)).toContain('CPU use is 93 %.\n.hidden\nÜberlast');
    expect(bodyOf(mail?.content)).toContain('Time:      2026-11-22T20:00:00.000Z');
  });

  it('keeps the message’s id over several attempts', async () => {
    await sender().send(ALERT);
    await sender().send(ALERT);
    const ids = smtp.mails.map((mail) => /^Message-ID: (.*)$/m.exec(mail.content)?.[1]);
    expect(ids).toEqual(Array(2).fill('<notification_1@veloflux.example>'));
  });

  it('says that an alert is over', async () => {
    await sender().send({ ...ALERT, kind: 'alert.resolved' });
    expect(smtp.mails[0]?.content).toContain('Subject: [RESOLVED] CPU above 80 %\n');
  });

  it('logs in', async () => {
    await sender({ login: { user: 'user', password: 'secret' } }).send(ALERT);
    expect(smtp.logins).toEqual(['user:secret']);
    expect(smtp.mails).toHaveLength(1);
  });

  it('does not let a title add headers or recipients', async () => {
    const title = 'high\r\nBcc: thief@example.com\r\n\r\nbody';
    expect((await sender().send({ ...ALERT, title })).delivered).toBe(true);
    expect(smtp.mails[0]?.to).toEqual(['ops@example.com']);
    expect(smtp.mails[0]?.content).not.toMatch(/^Bcc:/m);
  });

  it('sends nothing in the clear when TLS is asked for and the server has none', async () => {
    const login = { user: 'user', password: 'secret' };
    const delivery = await sender({ tls: 'starttls', login }).send(ALERT);
    expect(delivery).toMatchObject({ delivered: false, failure: 'tls', retryable: false });
    expect(smtp.commands.filter((line) => /^(AUTH|MAIL|DATA)/.test(line))).toEqual([]);
  });

  it.each([
    ['a refused login', { AUTH: '535 5.7.8 authentication failed' }, 'authentication', false],
    ['a login that fails for now', { AUTH: '454 4.7.0 temporary failure' }, 'unavailable', true],
    ['an unknown recipient', { RCPT: '550 5.1.1 no such user' }, 'refused', false],
    ['a recipient that is greylisted', { RCPT: '451 4.7.1 try again later' }, 'unavailable', true],
    ['a refused sender', { MAIL: '553 5.1.8 not yours' }, 'refused', false],
    ['a refused text', { end: '554 5.7.1 spam' }, 'refused', false],
    ['a full disk', { end: '452 4.3.1 no space' }, 'unavailable', true],
    ['a server that is closing', { greeting: '421 4.3.2 closing' }, 'unavailable', true],
    ['a server that says nothing', { greeting: 'nothing' }, 'timeout', true],
    ['a server that stops answering', { DATA: 'nothing' }, 'timeout', true],
  ])('%s is not delivered', async (_what, replies, failure, retryable) => {
    smtp.replies = replies;
    const delivery = await sender({ login: { user: 'user', password: 'secret' } }).send(ALERT);
    expect(delivery).toMatchObject({ delivered: false, failure, retryable });
    expect(JSON.stringify(delivery)).not.toContain('secret');
    expect(smtp.mails).toEqual([]);
  });

  it('a server that is not there is unreachable', async () => {
    const delivery = await sender({ port: await freePort() }).send(ALERT);
    expect(delivery).toMatchObject({ delivered: false, failure: 'unreachable', retryable: true });
  });

  it('a recipient that is no address is a matter of configuration', async () => {
    expect(await sender({}, '').send(ALERT)).toMatchObject({ failure: 'configuration', retryable: false });
  });
});

/** The text of a message, its transfer encoding undone. */
function bodyOf(content = ''): string {
  const [head = '', ...body] = content.split('\n\n');
  const text = body.join('\n\n');
  if (/^Content-Transfer-Encoding: base64$/m.test(head)) return Buffer.from(text, 'base64').toString();
  if (!/^Content-Transfer-Encoding: quoted-printable$/m.test(head)) return text;
  const bytes = text
    .replace(/=\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_all, hex) => String.fromCharCode(Number(`0x${hex}`)));
  return Buffer.from(bytes, 'latin1').toString();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
