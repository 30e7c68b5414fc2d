import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, buildConnector, fetch as undiciFetch } from 'undici';
import { isWithoutContent } from '../../common/http-statuses.js';
import { Environment } from '../config/environment.js';
import { AddressGuard, hostOf, type Resolve } from './address-guard.js';
import { classify, OutgoingError } from './outgoing-error.js';

export interface GuardedInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string | URLSearchParams | Uint8Array;
  signal?: AbortSignal;
  /** Of the whole exchange, in milliseconds; 5000 when not given. */
  timeoutMs?: number;
  /** Of the answer's body after decompression, in bytes; 1 MB when not given. */
  maxBytes?: number;
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 1024 * 1024;
const CONNECT_TIMEOUT_MS = 4000;

/**
 * The one client for addresses that a tenant gives (OIDC provider, webhooks, Slack): https to public addresses only,
 * judged on the address actually connected to, without redirects, within a size and a time. `OUTGOING_EXCEPTIONS`
 * opens hosts of the operator's own.
 */
@Injectable()
export class GuardedClient implements OnApplicationShutdown {
  private readonly guard: AddressGuard;
  private readonly agent: Agent;

  constructor(environment: Environment) {
    this.guard = new AddressGuard(environment.OUTGOING_EXCEPTIONS, this.resolver());
    this.agent = new Agent({ connect: this.connector(), keepAliveTimeout: 4000, connections: 16 });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  /** Why no request goes to this URL, for people; null when it may. For the check of a field before it is stored. */
  problemOf(url: string): string | null {
    return URL.canParse(url) ? this.guard.problemOf(new URL(url)) : 'must be an https URL';
  }

  /**
   * Sends one request and reads the whole answer.
   * @throws OutgoingError that says why there is no answer; an answer with an error status is an answer
   */
  async fetch(url: string | URL, init: GuardedInit = {}): Promise<Response> {
    const target = new URL(url);
    const problem = this.guard.problemOf(target);
    if (problem) throw new OutgoingError('blocked_address', `the URL ${problem}`);
    try {
      return await this.exchange(target, init);
    } catch (e) {
      throw classify(e);
    }
  }

  /** How names are resolved; tests give answers of their own. */
  protected resolver(): Resolve | undefined {
    return undefined;
  }

  private async exchange(url: URL, init: GuardedInit): Promise<Response> {
    const { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES, signal, ...request } = init;
    const limit = AbortSignal.timeout(timeoutMs);
    const response = await undiciFetch(url, {
      ...request,
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      dispatcher: this.agent,
    });
    if (response.status >= 300 && response.status < 400 && response.headers.has('location')) {
      await response.body?.cancel();
      throw new OutgoingError('redirect', 'the server redirects, which is not followed');
    }
    const body = await readLimited(response.body, maxBytes);
    return new Response(isWithoutContent(response.status) ? null : body, {
      status: response.status,
      statusText: response.statusText,
      headers: [...response.headers],
    });
  }

  private connector(): buildConnector.connector {
    const [guarded, exempt] = [false, true].map((allow) =>
      buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: this.guard.lookup(allow) }),
    ) as [buildConnector.connector, buildConnector.connector];
    return (options, callback) => {
      const host = hostOf(options.hostname);
      const isExempt = this.guard.isException(
        host,
        options.port || (options.protocol === 'http:' ? 80 : 443),
      );
      try {
        this.guard.requireLiteral(host, isExempt);
      } catch (e) {
        return callback(e as Error, null);
      }
      (isExempt ? exempt : guarded)(options, callback);
    };
  }
}

async function readLimited(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new OutgoingError('too_large', `the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
