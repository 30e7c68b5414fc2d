import { createHash, createPublicKey, type JsonWebKey, randomUUID, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CertificateAuthority, type CertificateOptions } from './certificates.js';

interface Order {
  readonly id: string;
  readonly account: string;
  readonly hosts: string[];
  status: 'pending' | 'ready' | 'valid' | 'invalid';
  chain: string | null;
}

interface Authorization {
  readonly id: string;
  readonly order: Order;
  readonly host: string;
  readonly token: string;
  status: 'pending' | 'valid' | 'invalid';
  error: { type: string; detail: string } | null;
}

class Problem extends Error {
  constructor(
    readonly type: string,
    readonly detail: string,
    readonly status = 400,
  ) {
    super(detail);
  }
}

const decoded = <T>(text: string): T => JSON.parse(Buffer.from(text, 'base64url').toString()) as T;

/**
 * A certificate authority that speaks ACME (RFC 8555) as far as HTTP-01 needs it: directory, nonces, account, order,
 * authorisation, challenge, finalisation, certificate. It checks every signature and nonce, and validates a host by
 * really fetching the challenge from `validateAt`.
 */
export class AcmeServer {
  /** Where port 80 of every host is, for validation: `http://127.0.0.1:port`. */
  validateAt: string[] = [];
  /** Lives of the certificates to come, in their order; then the default. */
  readonly lives: CertificateOptions[] = [];
  /** What was fetched for validation. */
  readonly validated: { host: string; status: number }[] = [];
  readonly accounts = new Map<string, JsonWebKey>();
  issued = 0;
  private readonly nonces = new Set<string>();
  private readonly orders = new Map<string, Order>();
  private readonly authorizations = new Map<string, Authorization>();

  private constructor(
    private readonly server: Server,
    readonly ca: CertificateAuthority,
  ) {}

  static async start(): Promise<AcmeServer> {
    const server = createServer();
    const acme = new AcmeServer(server, await CertificateAuthority.create('ACME'));
    server.on('request', (incoming, response) => void acme.handle(incoming, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return acme;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get directory(): string {
    return `${this.url}/directory`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const nonce = randomUUID();
    this.nonces.add(nonce);
    response.setHeader('replay-nonce', nonce);
    response.setHeader('cache-control', 'no-store');
    try {
      if (incoming.url === '/directory') return this.send(response, 200, this.resources());
      if (incoming.url === '/nonce') return void response.writeHead(200).end();
      await this.post(incoming, response);
    } catch (e) {
      const { type, detail, status } =
        e instanceof Problem ? e : new Problem('serverInternal', (e as Error).message, 500);
      response.setHeader('content-type', 'application/problem+json');
      this.send(response, status, { type: `urn:ietf:params:acme:error:${type}`, detail });
    }
  }

  private resources() {
    const at = (path: string) => `${this.url}/${path}`;
    return {
      newNonce: at('nonce'),
      newAccount: at('account'),
      newOrder: at('order'),
      meta: { termsOfService: at('terms') },
    };
  }

  private async post(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { account, key, payload } = this.authenticate(incoming.url!, Buffer.concat(chunks).toString());
    const [, kind, id = '', action] = incoming.url!.split('/');
    if (kind === 'account' && id === '') return this.createAccount(response, key);
    if (kind === 'order' && id === '') return this.createOrder(response, account, payload);
    if (kind === 'order') return this.serveOrder(response, id, action, payload);
    if (kind === 'authorization')
      return this.send(response, 200, this.authorizationBody(this.authorization(id)));
    if (kind === 'challenge') return this.validate(response, id, account);
    throw new Problem('malformed', 'unknown resource', 404);
  }

  /** RFC 8555 §6.2–6.5: a signed request for this very address, with a nonce that was not used before. */
  private authenticate(path: string, body: string) {
    const jws = JSON.parse(body) as { protected: string; payload: string; signature: string };
    const head = decoded<{ alg: string; nonce: string; url: string; kid?: string; jwk?: JsonWebKey }>(
      jws.protected,
    );
    if (!this.nonces.delete(head.nonce)) throw new Problem('badNonce', 'this nonce is not known');
    if (head.url !== this.url + path) throw new Problem('unauthorized', 'signed for another address', 403);
    const key = head.jwk ?? this.accounts.get(head.kid ?? '');
    if (!key) throw new Problem('accountDoesNotExist', 'no such account');
    const signed = Buffer.from(`${jws.protected}.${jws.payload}`);
    const publicKey = createPublicKey({ key, format: 'jwk' });
    const signature = Buffer.from(jws.signature, 'base64url');
    if (
      head.alg !== 'ES256' ||
      !verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)
    )
      throw new Problem('unauthorized', 'the signature is wrong', 403);
    const payload = jws.payload === '' ? {} : decoded<Record<string, unknown>>(jws.payload);
    return { account: head.kid ?? '', key, payload };
  }

  private createAccount(response: ServerResponse, key: JsonWebKey): void {
    const location = `${this.url}/account/${randomUUID()}`;
    this.accounts.set(location, key);
    response.setHeader('location', location);
    this.send(response, 201, { status: 'valid' });
  }

  private createOrder(response: ServerResponse, account: string, payload: Record<string, unknown>): void {
    const hosts = (payload.identifiers as { value: string }[]).map(({ value }) => value);
    const order: Order = { id: randomUUID(), account, hosts, status: 'pending', chain: null };
    this.orders.set(order.id, order);
    for (const host of hosts) {
      const id = randomUUID();
      const token = randomUUID().replaceAll('-', '_');
      this.authorizations.set(id, { id, order, host, token, status: 'pending', error: null });
    }
    response.setHeader('location', `${this.url}/order/${order.id}`);
    this.send(response, 201, this.orderBody(order));
  }

  private async serveOrder(
    response: ServerResponse,
    id: string,
    action: string | undefined,
    payload: Record<string, unknown>,
  ): Promise<void> {
    const order = this.orders.get(id);
    if (!order) throw new Problem('malformed', 'unknown order', 404);
    if (action === 'certificate') {
      response.setHeader('content-type', 'application/pem-certificate-chain');
      response.end(order.chain);
      return;
    }
    if (action === 'finalize') await this.finalize(order, String(payload.csr));
    this.send(response, 200, this.orderBody(order));
  }

  private async finalize(order: Order, csr: string): Promise<void> {
    if (order.status !== 'ready') throw new Problem('orderNotReady', 'not every host is validated', 403);
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(csr, 'base64url').toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    const { chain, hosts } = await this.ca.answer(pem, this.lives.shift());
    if (hosts.sort().join() !== [...order.hosts].sort().join())
      throw new Problem('badCSR', 'the request is for other hosts');
    order.chain = chain;
    order.status = 'valid';
    this.issued++;
  }

  private async validate(response: ServerResponse, id: string, account: string): Promise<void> {
    const authorization = this.authorization(id);
    const thumbprint = createHash('sha256')
      .update(canonical(this.accounts.get(account)!))
      .digest('base64url');
    for (const proxy of this.validateAt) {
      const { host, token } = authorization;
      const answer = await fetchFrom(proxy, host, `/.well-known/acme-challenge/${token}`);
      this.validated.push({ host, status: answer.status });
      if (answer.status === 200 && answer.body.trim() === `${token}.${thumbprint}`) continue;
      authorization.status = 'invalid';
      authorization.order.status = 'invalid';
      authorization.error = {
        type: 'urn:ietf:params:acme:error:unauthorized',
        detail: `Invalid response from http://${host}: ${answer.status}`,
      };
      return this.send(response, 200, this.challengeBody(authorization));
    }
    authorization.status = 'valid';
    const all = [...this.authorizations.values()].filter(({ order }) => order === authorization.order);
    if (all.every(({ status }) => status === 'valid')) authorization.order.status = 'ready';
    this.send(response, 200, this.challengeBody(authorization));
  }

  private authorization(id: string): Authorization {
    const found = this.authorizations.get(id);
    if (!found) throw new Problem('malformed', 'unknown authorisation', 404);
    return found;
  }

  private orderBody(order: Order) {
    const mine = [...this.authorizations.values()].filter((each) => each.order === order);
    return {
      status: order.status,
      identifiers: order.hosts.map((value) => ({ type: 'dns', value })),
      authorizations: mine.map(({ id }) => `${this.url}/authorization/${id}`),
      finalize: `${this.url}/order/${order.id}/finalize`,
      ...(order.chain && { certificate: `${this.url}/order/${order.id}/certificate` }),
    };
  }

  private authorizationBody(authorization: Authorization) {
    const { status, host } = authorization;
    const dns = { type: 'dns-01', status: 'pending', token: 'dns', url: `${this.url}/challenge/none` };
    return {
      status,
      identifier: { type: 'dns', value: host },
      challenges: [dns, this.challengeBody(authorization)],
    };
  }

  private challengeBody({ id, token, status, error }: Authorization) {
    return { type: 'http-01', status, token, url: `${this.url}/challenge/${id}`, ...(error && { error }) };
  }

  private send(response: ServerResponse, status: number, body: unknown): void {
    if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
    response.writeHead(status).end(JSON.stringify(body));
  }
}

/** RFC 7638: the members that make the key, in the order of their names. */
const canonical = ({ crv, kty, x, y }: JsonWebKey): string => JSON.stringify({ crv, kty, x, y });

function fetchFrom(proxy: string, host: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(proxy + path, { headers: { host }, agent: false, timeout: 5_000 });
    outgoing.on('response', (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
