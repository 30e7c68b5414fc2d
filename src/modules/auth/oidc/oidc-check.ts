import { GuardedClient, OutgoingError } from '../../../platform/http-client/index.js';
import type { OidcCheck, OidcTestResponse } from './oidc.dto.js';

type Code = NonNullable<OidcTestResponse['error_code']>;

class Failed extends Error {
  constructor(
    readonly code: Code,
    message: string,
  ) {
    super(message);
  }
}

interface Metadata {
  issuer?: unknown;
  authorization_endpoint?: unknown;
  token_endpoint?: unknown;
  jwks_uri?: unknown;
  code_challenge_methods_supported?: unknown;
}

/** Tries a provider step by step, as a sign-in would use it, and says where it fails. */
export async function checkProvider(client: GuardedClient, providerUrl: string): Promise<OidcTestResponse> {
  const checks: OidcCheck[] = [];
  const step = async <T>(name: OidcCheck['name'], good: string, work: () => Promise<T> | T): Promise<T> => {
    try {
      const value = await work();
      checks.push({ name, ok: true, message: good });
      return value;
    } catch (e) {
      checks.push({ name, ok: false, message: (e as Error).message });
      throw e;
    }
  };
  try {
    await step('address', 'the address may be called', () => requireAddress(client, providerUrl));
    const metadata = await step('discovery', 'the provider describes itself', () =>
      readJson<Metadata>(client, `${providerUrl.replace(/\/$/, '')}/.well-known/openid-configuration`),
    );
    await step('issuer', 'the issuer is the address', () => requireIssuer(metadata, providerUrl));
    await step('endpoints', 'it can sign people in', () => requireEndpoints(client, metadata));
    await step('pkce', 'it knows PKCE with S256', () => requirePkce(metadata));
    await step('keys', 'it shows keys that sign', () => requireKeys(client, String(metadata.jwks_uri)));
    return { success: true, error: null, error_code: null, checks };
  } catch (e) {
    const code = e instanceof OutgoingError ? e.failure : e instanceof Failed ? e.code : null;
    if (!code) throw e;
    return {
      success: false,
      error: `${checks.at(-1)!.name}: ${(e as Error).message}`,
      error_code: code,
      checks,
    };
  }
}

function requireAddress(client: GuardedClient, url: string): void {
  const problem = client.problemOf(url);
  if (problem) throw new Failed('blocked_address', `the URL ${problem}`);
}

async function readJson<T>(client: GuardedClient, url: string): Promise<T> {
  const response = await client.fetch(url, { headers: { accept: 'application/json' } });
  if (response.status !== 200) throw new Failed('http_status', `it answered ${response.status}`);
  try {
    const value: unknown = await response.json();
    if (value !== null && typeof value === 'object') return value as T;
  } catch {
    // told below
  }
  throw new Failed('not_json', 'it did not answer with JSON');
}

function requireIssuer({ issuer }: Metadata, providerUrl: string): void {
  const same =
    typeof issuer === 'string' && URL.canParse(issuer) && new URL(issuer).href === new URL(providerUrl).href;
  if (!same)
    throw new Failed(
      'issuer_mismatch',
      `it calls itself '${String(issuer).slice(0, 200)}'; provider_url must be exactly that, to the slash`,
    );
}

/** The browser goes to the authorization endpoint, this program to the other two. */
function requireEndpoints(client: GuardedClient, metadata: Metadata): void {
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const) {
    const url = metadata[name];
    if (typeof url !== 'string' || !URL.canParse(url))
      throw new Failed('missing_endpoint', `it names no ${name}`);
    const problem = name === 'authorization_endpoint' ? null : client.problemOf(url);
    if (problem) throw new Failed('blocked_address', `its ${name} ${problem}`);
  }
}

/** A provider that does not say counts as one that may know it (RFC 8414 leaves it out for "unknown"). */
function requirePkce({ code_challenge_methods_supported: methods }: Metadata): void {
  if (Array.isArray(methods) && !methods.includes('S256'))
    throw new Failed('no_pkce', 'it does not support PKCE with S256');
}

async function requireKeys(client: GuardedClient, url: string): Promise<void> {
  const { keys } = await readJson<{ keys?: unknown }>(client, url);
  const signing = Array.isArray(keys)
    ? keys.filter((k: { use?: unknown }) => k?.use === undefined || k.use === 'sig')
    : [];
  if (!signing.length) throw new Failed('no_keys', 'it shows no key that signs');
}
