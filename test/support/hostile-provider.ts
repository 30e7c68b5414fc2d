import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;

/** How an ID token is signed: with the key that the provider shows, with another one, not at all, or with a secret. */
export type Signature = 'own' | 'other' | 'none' | { hmac: string | Buffer };

const encode = (value: string | Buffer | Json): string =>
  Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString(
    'base64url',
  );
const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 });

/** An OpenID provider on loopback that says what a test wants it to say, right or forged. */
export class HostileProvider {
  /** What it says of itself besides what it must. */
  metadata: Json = {};
  /** Claims that differ from those of a good ID token; undefined leaves one out. */
  claims: Json = {};
  header: Json = {};
  signature: Signature = 'own';
  userinfo: Json | null = null;
  /** What the token endpoint answers instead of tokens. */
  refusal: { status: number; body: Json } | null = null;
  /** Bodies that the token endpoint was sent. */
  readonly exchanges: URLSearchParams[] = [];
  /** By path: raw answers that go before everything else. */
  answers: Record<string, { status?: number; headers?: Record<string, string>; body?: string }> = {};
  nonce = '';
  private readonly own = newKey();
  private readonly other = newKey();
  private readonly server: Server;
  private port = 0;

  constructor() {
    this.server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const raw = this.answers[request.url!];
      if (raw) return void response.writeHead(raw.status ?? 200, raw.headers).end(raw.body);
      const { status = 200, json } = this.answer(request.url!, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get publicKey(): KeyObject {
    return this.own.publicKey;
  }

  async start(): Promise<this> {
    await new Promise<void>((ok) => this.server.listen(0, '127.0.0.1', ok));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  /** Back to an honest one. */
  reset(): void {
    Object.assign(this, { metadata: {}, claims: {}, header: {}, signature: 'own', userinfo: null });
    Object.assign(this, { refusal: null, answers: {} });
    this.exchanges.length = 0;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((ok) => this.server.close(ok));
  }

  private answer(path: string, body: string): { status?: number; json: unknown } {
    switch (path) {
      case '/.well-known/openid-configuration':
        return { json: this.discovery() };
      case '/jwks':
        return {
          json: { keys: [{ ...this.own.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }] },
        };
      case '/userinfo':
        return { json: this.userinfo };
      case '/token':
        this.exchanges.push(new URLSearchParams(body));
        if (this.refusal) return { status: this.refusal.status, json: this.refusal.body };
        return {
          json: { access_token: 'at', token_type: 'Bearer', expires_in: 60, id_token: this.idToken() },
        };
      default:
        return { status: 404, json: {} };
    }
  }

  private discovery(): Json {
    return {
      issuer: this.url,
      authorization_endpoint: `${this.url}/auth`,
      token_endpoint: `${this.url}/token`,
      jwks_uri: `${this.url}/jwks`,
      userinfo_endpoint: `${this.url}/userinfo`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      ...this.metadata,
    };
  }

  private idToken(): string {
    const now = Math.floor(Date.now() / 1000);
    const alg = this.signature === 'none' ? 'none' : typeof this.signature === 'object' ? 'HS256' : 'RS256';
    const header = { alg, kid: 'k1', typ: 'JWT', ...this.header };
    const claims = {
      iss: this.url,
      aud: 'client',
      iat: now,
      exp: now + 300,
      nonce: this.nonce,
      ...this.claims,
    };
    const content = `${encode(header)}.${encode(claims)}`;
    return `${content}.${this.signed(content)}`;
  }

  private signed(content: string): string {
    if (this.signature === 'none') return '';
    if (typeof this.signature === 'object')
      return createHmac('sha256', this.signature.hmac).update(content).digest('base64url');
    const { privateKey } = this.signature === 'own' ? this.own : this.other;
    return encode(sign('sha256', Buffer.from(content), privateKey));
  }
}
