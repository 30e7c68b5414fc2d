import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import * as oidc from 'openid-client';
import { AppError } from '../../../common/errors.js';
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

/** OpenID Connect Core §2: a subject has at most 255 ASCII characters. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;
const NAME_LENGTH = 100;

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
    const provider = await this.provider(config);
    const parameters = {
      redirect_uri: begun.redirectUri,
      scope: config.scopes.join(' '),
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: 'S256',
    };
    try {
      return oidc.buildAuthorizationUrl(provider, parameters);
    } catch (e) {
      throw providerUnreachable('it names no address to sign in at', e);
    }
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
      const proven: Claims = tokens.claims()!;
      const wanted = ['email', 'email_verified', ...(hasMapping(config) ? [config.groups_claim] : [])];
      const lacks = wanted.some((name) => proven[name] === undefined);
      const further: Claims =
        lacks && provider.serverMetadata().userinfo_endpoint
          ? await oidc.fetchUserInfo(provider, tokens.access_token, String(proven.sub))
          : {};
      return identityOf(together(proven, further), config.groups_claim);
    } catch (e) {
      const outgoing = outgoingFailureOf(e);
      if (outgoing) throw providerUnreachable(outgoing.message, e);
      if (e instanceof AppError) throw e;
      if (e instanceof oidc.AuthorizationResponseError) throw providerRefused(e.error.slice(0, 100));
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

const hasMapping = (config: OidcConfigRow): boolean => Object.keys(config.role_mapping).length > 0;

/** The signed token's word goes before the UserInfo's; whether an address is verified is said where the address is. */
function together(proven: Claims, further: Claims): Claims {
  const { email, email_verified } = proven.email_verified === undefined ? further : proven;
  return { ...further, ...proven, email: email ?? proven.email, email_verified };
}

/** @throws AppError 401 when the subject is not one that the standard allows */
function identityOf(claims: Claims, groupsClaim: string): ProvenIdentity {
  const text = (name: string) => (typeof claims[name] === 'string' ? (claims[name] as string).trim() : '');
  const [first = '', ...rest] = text('name').split(/\s+/);
  if (!SUBJECT.test(text('sub'))) throw signInRefused(new Error('the "sub" claim is not a valid subject'));
  return {
    issuer: text('iss'),
    subject: text('sub'),
    email: text('email') || null,
    // only the boolean: some providers send the string "true" for addresses that they did not check
    emailVerified: claims.email_verified === true,
    firstName: line(text('given_name') || first),
    lastName: line(text('family_name') || rest.join(' ')),
    groups: [claims[groupsClaim]].flat().filter((g): g is string => typeof g === 'string'),
  };
}

/** Fit to be a name in the database and in a log: no control characters, not endless. */
const line = (text: string): string =>
  text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, NAME_LENGTH);
