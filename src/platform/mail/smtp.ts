import nodemailer from 'nodemailer';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /**
   * `implicit`: TLS from the first byte (port 465). `starttls`: plain at first, then TLS, and no message without it.
   * `none`: never, for a relay on this machine.
   */
  readonly tls: 'implicit' | 'starttls' | 'none';
  /** Null: the server asks for no login. */
  readonly login: { readonly user: string; readonly password: string } | null;
  /** Address that the messages come from. */
  readonly from: string;
  /** For each step of the exchange, ms; 10,000 when not given. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** `smtps://user:password@host:465`, or `smtp://host:587` with STARTTLS; a relay on this machine is spoken to plainly. */
export function smtpServerOf(url: string, from: string): SmtpServer {
  const { protocol, hostname, port, username, password } = new URL(url);
  const implicit = protocol === 'smtps:';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (implicit ? 465 : 587),
    tls: implicit ? 'implicit' : LOOPBACK.has(hostname) ? 'none' : 'starttls',
    login: username ? { user: decodeURIComponent(username), password: decodeURIComponent(password) } : null,
    from,
  };
}

/** Speaks to the server with bounded time, and never sends a message in the clear to another machine. */
export function smtpTransport(server: SmtpServer) {
  const timeout = server.timeoutMs ?? TIMEOUT_MS;
  return nodemailer.createTransport({
    host: server.host,
    port: server.port,
    secure: server.tls === 'implicit',
    requireTLS: server.tls === 'starttls',
    ignoreTLS: server.tls === 'none',
    ...(server.login ? { auth: { user: server.login.user, pass: server.login.password } } : {}),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    dnsTimeout: timeout,
    // No text of ours names a file or an address to fetch, and none from elsewhere may.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
