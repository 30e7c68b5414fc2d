import { AsyncLocalStorage } from 'node:async_hooks';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../security/principal.js';

/** What belongs to one request. */
export interface RequestContext {
  requestId: string;
  /** Client's address. */
  address: string;
  principal?: Principal;
  /** Who the audit log names. */
  actor?: { id: string | null; name: string };
  /** Configuration version that this request's change got. */
  configVersion?: number;
}

const CONTEXT = Symbol('request context');
const storage = new AsyncLocalStorage<RequestContext>();
/** Requests that are being followed. */
let followed = 0;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See {@link ActsOnGet}. */
    actsOnGet?: boolean;
  }
}

/** A GET that changes something: its context is at hand everywhere, as a write's is. */
export const ActsOnGet = () => RouteConfig({ actsOnGet: true });

/** The context of a request that is at hand: for guards, interceptors and parameter decorators. */
export const contextOf = (request: FastifyRequest): RequestContext =>
  (request as unknown as { [CONTEXT]: RequestContext })[CONTEXT];

/**
 * Starts a request's context. Writes, and GETs that act, are followed: what runs for them finds the context without
 * being handed it. Reads are not: up to Node 22 following is done by promise hooks, which cost a third of a read's time
 * (`bench/api.mjs`), and they cost it for everybody while anybody is followed; hence the storage is off between writes.
 */
export function beginRequest(request: FastifyRequest, reply: FastifyReply, go: () => void): void {
  const context: RequestContext = { requestId: request.id, address: request.ip };
  (request as unknown as { [CONTEXT]: RequestContext })[CONTEXT] = context;
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (reads && !request.routeOptions.config.actsOnGet) {
    go();
    return;
  }
  followed++;
  reply.raw.once('close', () => {
    if (--followed === 0) storage.disable();
  });
  storage.run(context, go);
}

/** The request that the current code runs for; undefined in reads and outside of requests (jobs, start-up). */
export const requestContext = (): RequestContext | undefined => storage.getStore();

/** For work that a request starts and that outlives it: it must not go on under the request's name. */
export const outsideOfRequest = <T>(work: () => T): T => storage.exit(work);
