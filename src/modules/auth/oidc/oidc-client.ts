import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import * as oidc from 'openid-client';
import { GuardedClient, type GuardedInit, outgoingFailureOf } from '../../../platform/http-client/index.js';
import { Secrets } from '../../../platform/security/index.js';
import { providerRefused, providerUnreachable, signInRefused } from './oidc.errors.js';
import type { OidcConfigRow } from './oidc.repository.js';

export const SECRET_PURPOSE = 'oidc client secret';
const CACHED = 500;
const CACHE_MS = 600_000;
const CLOCK_TOLERANCE_SECONDS = 30;

/** What the provider says of a person, its signature checked. */
export interface ProvenIdentity {
  issuer: string;
  subject: string;
  email: string | null;
  emailVerified: boolean;
  firstName: string;
  lastName: string;
  groups: string[];
}

export interface BegunSignIn {
  state: string;
  nonce: string;
  verifier: string;
  redirectUri: string;
}

type Claims = Record<string, unknown>;

/**
 * Speaks OpenID Connect with a tenant's provider: authorization code with PKCE, state, nonce and `iss`, the ID token's
 * signature checked against the provider's keys, every request through the guarded client.
 */
@Injectable()
export class OidcClient {
  private readonly known = new LRUCache<string, oidc.Configuration>({ max: CACHED, ttl: CACHE_MS });

  constructor(
    private readonly client: GuardedClient,
    private readonly secrets: Secrets,
  ) {}

  begin(redirectUri: string): BegunSignIn {
    return {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      redirectUri,
    };
  }

  /** Where the browser goes. @throws AppError 503 when the provider cannot be asked */
  async authorizationUrl(config: OidcConfigRow, begun: BegunSignIn): Promise<URL> {
    return oidc.buildAuthorizationUrl(await this.provider(config), {
      redirect_uri: begun.redirectUri,
      scope: config.scopes.join(' '),
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: 'S256',
    });
  }

  /**
   * Exchanges the code of the callback.
   * @throws AppError 401 when the answer is not what this sign-in must get, 503 when the provider does not answer
   */
  async complete(config: OidcConfigRow, begun: BegunSignIn, query: URLSearchParams): Promise<ProvenIdentity> {
    const provider = await this.provider(config);
    const current = new URL(begun.redirectUri);
    for (const [key, value] of query) current.searchParams.append(key, value);
    try {
      const tokens = await oidc.authorizationCodeGrant(provider, current, {
        pkceCodeVerifier: begun.verifier,
        expectedState: begun.state,
        expectedNonce: begun.nonce,
        idTokenExpected: true,
      });
      const claims: Claims = { ...tokens.claims()! };
      if (claims.email === undefined && provider.serverMetadata().userinfo_endpoint)
        Object.assign(claims, await oidc.fetchUserInfo(provider, tokens.access_token, String(claims.sub)));
      return identityOf(claims, config.groups_claim);
    } catch (e) {
      const outgoing = outgoingFailureOf(e);
      if (outgoing) throw providerUnreachable(outgoing.message, e);
      if (e instanceof oidc.AuthorizationResponseError) throw providerRefused(e.error);
      throw signInRefused(e);
    }
  }

  private async provider(config: OidcConfigRow): Promise<oidc.Configuration> {
    const key = `${config.tenant_id} ${config.updated_at.getTime()}`;
    const known = this.known.get(key);
    if (known) return known;
    const url = new URL(config.provider_url);
    const secret = config.client_secret && this.secrets.decrypt(config.client_secret, SECRET_PURPOSE);
    try {
      const found = await oidc.discovery(
        url,
        config.client_id,
        { [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS },
        secret ? oidc.ClientSecretBasic(secret) : oidc.None(),
        {
          [oidc.customFetch]: (target, init) => this.client.fetch(target, init as GuardedInit),
          execute: [
            oidc.enableNonRepudiationChecks,
            // the guarded client lets http pass for the operator's exceptions only
            ...(url.protocol === 'http:' ? [oidc.allowInsecureRequests] : []),
          ],
        },
      );
      this.known.set(key, found);
      return found;
    } catch (e) {
      const reason = outgoingFailureOf(e)?.message ?? 'it does not describe itself as OpenID Connect asks';
      throw providerUnreachable(reason, e);
    }
  }
}

function identityOf(claims: Claims, groupsClaim: string): ProvenIdentity {
  const text = (name: string) => (typeof claims[name] === 'string' ? (claims[name] as string).trim() : '');
  const [first = '', ...rest] = text('name').split(/\s+/);
  const groups = claims[groupsClaim];
  return {
    issuer: text('iss'),
    subject: text('sub'),
    email: text('email') || null,
    // only the boolean: some providers send the string "true" for addresses that they did not check
    emailVerified: claims.email_verified === true,
    firstName: text('given_name') || first,
    lastName: text('family_name') || rest.join(' '),
    groups: Array.isArray(groups) ? groups.filter((g): g is string => typeof g === 'string') : [],
  };
}
