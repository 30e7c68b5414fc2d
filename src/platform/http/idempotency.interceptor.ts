import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { conflict, invalidField } from '../../common/errors.js';
import { Database } from '../database/database.js';
import { Secrets } from '../security/secrets.js';
import { contextOf, type RequestContext } from './request-context.js';

const KEY = /^[\x21-\x7e]{1,255}$/;
/** A request that has not ended after this long has lost its node; its key may be used again. */
const ABANDONED_AFTER = '60 seconds';
/** Answers may carry what is shown once (API keys, secrets), so they are not kept in the clear. */
const ANSWER_PURPOSE = 'idempotency_keys.answer';

interface Stored {
  fingerprint: string;
  /** Encrypted {@link Answer}; null while the request runs. */
  answer: string | null;
}

interface Answer {
  status: number;
  etag?: string;
  /** Configuration version that the change got: who waits for it waits on a replay, too. */
  configVersion?: number;
  body?: unknown;
}

interface Exchange {
  reply: FastifyReply;
  context: RequestContext;
}

/**
 * `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): the same key and the same request get the
 * first answer again, with `Idempotent-Replayed: true`; the same key with another request is 422; while the first
 * still runs, 409. Keys are kept for 24 hours and belong to one tenant. Answers of 5xx are not kept.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly database: Database,
    private readonly secrets: Secrets,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    const requestContext = contextOf(request);
    const tenantId = requestContext.principal?.tenantId;
    if (request.method !== 'POST' || key === undefined || !tenantId) return next.handle();
    if (typeof key !== 'string' || !KEY.test(key))
      throw invalidField(
        'Idempotency-Key',
        'format',
        'Idempotency-Key must be 1 to 255 visible ASCII characters',
      );
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return from(
      this.once(tenantId, key, fingerprint(request), { reply, context: requestContext }, () =>
        lastValueFrom(next.handle(), { defaultValue: undefined }),
      ),
    );
  }

  private async once(
    tenantId: string,
    key: string,
    print: string,
    exchange: Exchange,
    work: () => Promise<unknown>,
  ) {
    const earlier = await this.begin(tenantId, key, print);
    if (earlier) return this.replay(earlier, print, exchange);
    try {
      const body = await work();
      await this.finish(tenantId, key, answerOf(exchange, body));
      return body;
    } catch (e) {
      await this.forget(tenantId, key);
      throw e;
    }
  }

  /** Claims the key; the row of an earlier request when there is one. */
  private begin(tenantId: string, key: string, print: string): Promise<Stored | null> {
    return this.database.tenant(tenantId, async (tx) => {
      const claimed = await tx.query(
        `INSERT INTO idempotency_keys (tenant_id, key, fingerprint) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, key) DO UPDATE SET fingerprint = $3, created_at = clock_timestamp()
           WHERE idempotency_keys.answer IS NULL
             AND idempotency_keys.created_at < clock_timestamp() - interval '${ABANDONED_AFTER}'
         RETURNING key`,
        [tenantId, key, print],
      );
      if (claimed.length) return null;
      const [row] = await tx.query(
        'SELECT fingerprint, answer FROM idempotency_keys WHERE tenant_id = $1 AND key = $2',
        [tenantId, key],
      );
      return row ?? null;
    });
  }

  private replay(stored: Stored, print: string, { reply, context }: Exchange): unknown {
    if (stored.fingerprint !== print)
      throw invalidField('Idempotency-Key', 'reused', 'This Idempotency-Key was used for another request');
    if (stored.answer === null)
      throw conflict('IDEMPOTENCY_KEY_IN_USE', 'The first request with this Idempotency-Key still runs');
    const answer: Answer = JSON.parse(this.secrets.decrypt(stored.answer, ANSWER_PURPOSE));
    reply.status(answer.status).header('idempotent-replayed', 'true');
    if (answer.etag !== undefined) reply.header('etag', answer.etag);
    context.configVersion = answer.configVersion;
    return answer.body;
  }

  private async finish(tenantId: string, key: string, answer: Answer): Promise<void> {
    const encrypted = this.secrets.encrypt(JSON.stringify(answer), ANSWER_PURPOSE);
    await this.database.tenant(tenantId, (tx) =>
      tx.query('UPDATE idempotency_keys SET answer = $3 WHERE tenant_id = $1 AND key = $2', [
        tenantId,
        key,
        encrypted,
      ]),
    );
  }

  private async forget(tenantId: string, key: string): Promise<void> {
    await this.database
      .tenant(tenantId, (tx) =>
        tx.query('DELETE FROM idempotency_keys WHERE tenant_id = $1 AND key = $2', [tenantId, key]),
      )
      .catch(() => undefined);
  }
}

const answerOf = ({ reply, context }: Exchange, body: unknown): Answer => ({
  status: reply.statusCode,
  etag: reply.getHeader('etag') as string | undefined,
  configVersion: context.configVersion,
  body,
});

const fingerprint = (request: FastifyRequest): string =>
  createHash('sha256')
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest('hex');
