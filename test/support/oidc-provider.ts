import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Browser } from './browser.js';

const PROGRAM = path.resolve(__dirname, 'oidc-provider-program.mjs');

/** What the provider says of a person, by their subject. */
export type ProviderAccounts = Record<string, Record<string, unknown>>;

export interface ProviderClient {
  client_id: string;
  client_secret?: string;
  redirect_uris: string[];
  token_endpoint_auth_method?: 'none';
}

/** A real OpenID provider (oidc-provider) on a free port of the loopback interface. */
export class OidcProvider {
  private constructor(
    private readonly child: ChildProcess,
    /** Its issuer. */
    readonly url: string,
  ) {}

  static async start(): Promise<OidcProvider> {
    const child = fork(PROGRAM, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: ['--no-warnings'],
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new OidcProvider(child, `http://127.0.0.1:${port}`);
  }

  /** Makes it know these clients and people, and nothing of before. */
  async configure(clients: ProviderClient[], accounts: ProviderAccounts): Promise<void> {
    this.child.send({ clients, accounts });
    await once(this.child, 'message');
  }

  /** Goes where a login leads and signs in as `subject`; gives the address that the provider sends the browser to. */
  async signIn(browser: Browser, loginUrl: string, subject: string): Promise<string> {
    let url = await browser.follow(loginUrl, this.url);
    for (const prompt of ['login', 'consent']) {
      if (!url.startsWith(`${this.url}/`)) break;
      const form = new URLSearchParams({ prompt, login: subject, password: 'any' });
      url = await browser.follow(url, this.url, form);
    }
    return url;
  }

  /** Goes where a login leads and declines. */
  async decline(browser: Browser, loginUrl: string): Promise<string> {
    const url = await browser.follow(loginUrl, this.url);
    return browser.follow(`${url}/abort`, this.url);
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}
