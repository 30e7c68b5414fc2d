import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and text as sent, lines ended by LF, dots unstuffed. */
  readonly content: string;
}

/** Replies that differ from the ordinary ones, by what they answer; `nothing`: never. */
export type SmtpReplies = Partial<
  Record<'greeting' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'end' | 'STARTTLS', string>
>;

/** A small real SMTP server (RFC 5321) on a free port of the loopback interface, without TLS. */
export class SmtpDouble {
  readonly mails: ReceivedMail[] = [];
  /** `user:password` of the logins (AUTH PLAIN). */
  readonly logins: string[] = [];
  readonly commands: string[] = [];
  replies: SmtpReplies = {};
  private readonly server: Server = createServer((socket) => void this.serve(socket));
  private readonly sockets = new Set<Socket>();

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(socket: Socket): Promise<void> {
    this.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
    const reply = (to: keyof SmtpReplies | null, ordinary: string) => {
      const text = (to && this.replies[to]) ?? ordinary;
      if (text !== 'nothing') socket.write(`${text}\r\n`);
      return text.startsWith('2') || text.startsWith('3');
    };
    let mail: { from: string; to: string[]; lines: string[] } | null = null;
    let isInData = false;
    reply('greeting', '220 double ESMTP');
    for await (const line of createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (isInData && mail) {
        if (line !== '.') mail.lines.push(line.replace(/^\./, ''));
        else {
          isInData = false;
          if (reply('end', '250 2.0.0 queued as 1'))
            this.mails.push({ from: mail.from, to: mail.to, content: mail.lines.join('\n') });
        }
        continue;
      }
      this.commands.push(line);
      const [verb = '', argument = ''] = line.split(/ (.*)/);
      const address = /<(.*?)>/.exec(argument)?.[1] ?? '';
      if (verb === 'EHLO') reply(null, '250-double\r\n250 AUTH PLAIN');
      else if (verb === 'STARTTLS') reply('STARTTLS', '502 5.5.1 not implemented');
      else if (verb === 'AUTH') {
        const [, user, password] = Buffer.from(argument.replace('PLAIN ', ''), 'base64')
          .toString()
          .split('\0');
        if (reply('AUTH', '235 2.7.0 accepted')) this.logins.push(`${user}:${password}`);
      } else if (verb === 'MAIL') {
        if (reply('MAIL', '250 ok')) mail = { from: address, to: [], lines: [] };
      } else if (verb === 'RCPT') {
        if (reply('RCPT', '250 ok')) mail?.to.push(address);
      } else if (verb === 'DATA') isInData = reply('DATA', '354 go on');
      else if (verb === 'QUIT') {
        reply(null, '221 bye');
        socket.end();
      } else reply(null, '250 ok');
    }
  }
}
