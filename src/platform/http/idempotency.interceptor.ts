import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { conflict, invalidField } from '../../common/errors.js';
import { Database } from '../database/database.js';
import { contextOf } from './request-context.js';

const KEY = /^[\x21-\x7e]{1,255}$/;
/** A request that has not ended after this long has lost its node; its key may be used again. */
const ABANDONED_AFTER = '60 seconds';

interface Stored {
  fingerprint: string;
  state: 'running' | 'done';
  status: number | null;
  body: unknown;
  abandoned: boolean;
}

/**
 * `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): the same key and the same request get the
 * first answer again, with `Idempotent-Replayed: true`; the same key with another request is 422; while the first
 * still runs, 409. Keys are kept for 24 hours and belong to one tenant. Answers of 5xx are not kept.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly database: Database) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    const tenantId = contextOf(request).principal?.tenantId;
    if (request.method !== 'POST' || key === undefined || !tenantId) return next.handle();
    if (typeof key !== 'string' || !KEY.test(key))
      throw invalidField(
        'Idempotency-Key',
        'format',
        'Idempotency-Key must be 1 to 255 visible ASCII characters',
      );
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return from(
      this.once(tenantId, key, fingerprint(request), reply, () =>
        lastValueFrom(next.handle(), { defaultValue: undefined }),
      ),
    );
  }

  private async once(
    tenantId: string,
    key: string,
    print: string,
    reply: FastifyReply,
    work: () => Promise<unknown>,
  ) {
    const earlier = await this.begin(tenantId, key, print);
    if (earlier) return this.replay(earlier, print, reply);
    try {
      const body = await work();
      await this.finish(tenantId, key, reply.statusCode, body);
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
           WHERE idempotency_keys.state = 'running'
             AND idempotency_keys.created_at < clock_timestamp() - interval '${ABANDONED_AFTER}'
         RETURNING key`,
        [tenantId, key, print],
      );
      if (claimed.length) return null;
      const [row] = await tx.query(
        'SELECT fingerprint, state, status, body FROM idempotency_keys WHERE tenant_id = $1 AND key = $2',
        [tenantId, key],
      );
      return row ?? null;
    });
  }

  private replay(stored: Stored, print: string, reply: FastifyReply): unknown {
    if (stored.fingerprint !== print)
      throw invalidField('Idempotency-Key', 'reused', 'This Idempotency-Key was used for another request');
    if (stored.state === 'running')
      throw conflict('IDEMPOTENCY_KEY_IN_USE', 'The first request with this Idempotency-Key still runs');
    reply.status(stored.status ?? 200).header('idempotent-replayed', 'true');
    return stored.body ?? undefined;
  }

  private async finish(tenantId: string, key: string, status: number, body: unknown): Promise<void> {
    await this.database.tenant(tenantId, (tx) =>
      tx.query(
        `UPDATE idempotency_keys SET state = 'done', status = $3, body = $4 WHERE tenant_id = $1 AND key = $2`,
        [tenantId, key, status, body === undefined ? null : JSON.stringify(body)],
      ),
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

const fingerprint = (request: FastifyRequest): string =>
  createHash('sha256')
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest('hex');
