import { Injectable } from '@nestjs/common';
import { AppError } from '../../../common/errors.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { hashToken, randomToken, Secrets } from '../../../platform/security/index.js';
import { Accounts } from '../../tenants/index.js';
import type { SignedIn } from '../auth.service.js';
import { SessionsService } from '../sessions.service.js';
import { notConfigured, notYours, signInRefused } from './oidc.errors.js';
import { type OidcConfigRow, OidcRepository } from './oidc.repository.js';
import { OidcClient, type ProvenIdentity } from './oidc-client.js';
import { OidcPeople } from './oidc-people.service.js';

/** How long a person may take at the provider. */
export const SIGN_IN_SECONDS = 600;
const VERIFIER_PURPOSE = 'oidc code verifier';

export interface Begun {
  /** Where the browser goes. */
  url: string;
  /** For the browser's cookie; null when the page that began keeps a verifier of its own. */
  browserToken: string | null;
}

/** Signs people in through their tenant's provider. A sign-in that has begun is good for one use, in one browser. */
@Injectable()
export class OidcSignInService {
  constructor(
    private readonly database: Database,
    private readonly repository: OidcRepository,
    private readonly client: OidcClient,
    private readonly accounts: Accounts,
    private readonly sessions: SessionsService,
    private readonly secrets: Secrets,
    private readonly people: OidcPeople,
    private readonly journal: Journal,
  ) {}

  /**
   * @param browserChallenge SHA-256, in base64url, of what the page that begins will show at the end; without it a
   *   cookie ties the sign-in to the browser
   * @throws AppError 404 without a configuration, 403 for a suspended tenant, 503 when the provider cannot be asked
   */
  async begin(tenantId: string, ownCallback: string, browserChallenge?: string): Promise<Begun> {
    const config = await this.config(tenantId);
    await this.database.system((tx) => this.requireOpen(tx, tenantId));
    const begun = this.client.begin(config.redirect_uri ?? ownCallback);
    const url = await this.client.authorizationUrl(config, begun);
    const browserToken = browserChallenge ? null : randomToken();
    const row = {
      tenant_id: tenantId,
      nonce: begun.nonce,
      code_verifier: this.secrets.encrypt(begun.verifier, VERIFIER_PURPOSE),
      redirect_uri: begun.redirectUri,
      browser_hash: browserToken
        ? hashToken(browserToken)
        : Buffer.from(browserChallenge!, 'base64url').toString('hex'),
    };
    await this.database.tenant(tenantId, (tx) =>
      this.repository.begin(tx, hashToken(begun.state), row, SIGN_IN_SECONDS),
    );
    return { url: url.href, browserToken };
  }

  /** @throws AppError 401 when the answer is forged, used, foreign or late, 403 for people whom it must not sign in */
  async complete(
    tenantId: string,
    query: URLSearchParams,
    browserToken: string | null,
    userAgent: string | null,
  ): Promise<SignedIn> {
    const state = query.get('state') ?? '';
    const config = await this.config(tenantId);
    const begun = await this.database.tenant(tenantId, (tx) =>
      this.repository.take(tx, tenantId, hashToken(state)),
    );
    if (!begun) throw signInRefused();
    try {
      if (begun.browser_hash !== hashToken(browserToken ?? ''))
        throw signInRefused(new Error('another browser began it'));
      const verifier = this.secrets.decrypt(begun.code_verifier, VERIFIER_PURPOSE);
      const { nonce, redirect_uri: redirectUri } = begun;
      const identity = await this.client.complete(config, { state, nonce, verifier, redirectUri }, query);
      return await this.database.system((tx) => this.signIn(tx, config, identity, userAgent));
    } catch (e) {
      await this.noteRefusal(tenantId, e);
      throw e;
    }
  }

  private async config(tenantId: string): Promise<OidcConfigRow> {
    const row = await this.database.tenant(tenantId, (tx) => this.repository.config(tx, tenantId));
    if (!row) throw notConfigured();
    return row;
  }

  private async requireOpen(tx: Transaction, tenantId: string): Promise<void> {
    if (!(await this.accounts.isOpen(tx, tenantId))) throw notYours('This tenant is suspended');
  }

  /** What the person is not told, the tenant's administrators are: why a sign-in that had begun came to nothing. */
  private async noteRefusal(tenantId: string, error: unknown): Promise<void> {
    if (!(error instanceof AppError)) return;
    await this.database.tenant(tenantId, (tx) =>
      this.journal.recordSecurity(tx, {
        tenantId,
        action: 'auth.sso_failed',
        level: 'warning',
        message: `Single sign-on failed: ${reasonOf(error).slice(0, 300)}`,
        actor: { id: null, name: 'anonymous' },
        details: { code: error.code },
      }),
    );
  }

  private async signIn(
    tx: Transaction,
    config: OidcConfigRow,
    identity: ProvenIdentity,
    userAgent: string | null,
  ): Promise<SignedIn> {
    const { tenant_id: tenantId } = config;
    await this.requireOpen(tx, tenantId);
    const userId = await this.people.recognise(tx, config, identity);
    await this.accounts.signedIn(tx, userId, tenantId);
    const tokens = await this.sessions.open(tx, userId, tenantId, userAgent);
    const account = await this.accounts.get(tx, userId);
    await this.journal.recordSecurity(tx, {
      tenantId,
      action: 'auth.sso_login',
      message: `${account.email} signed in through ${new URL(identity.issuer).host}`,
      actor: { id: account.id, name: account.email },
    });
    return { tokens, account, tenantId };
  }
}

const rootOf = (error: Error): Error => (error.cause instanceof Error ? rootOf(error.cause) : error);

/** The innermost message, with what the provider's own error says (RFC 6749 §5.2). */
function reasonOf(error: Error): string {
  const {
    message,
    error: code,
    error_description: description,
  } = rootOf(error) as Error & {
    error?: unknown;
    error_description?: unknown;
  };
  const parts = [message, code, description].filter((part) => typeof part === 'string');
  return parts.join(': ').replace(/\p{C}+/gu, ' ');
}
