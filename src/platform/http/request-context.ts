import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from '../security/principal.js';

/** What belongs to the request that the current code runs for. */
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

const storage = new AsyncLocalStorage<RequestContext>();

/** Undefined outside of a request (jobs, start-up). */
export const requestContext = (): RequestContext | undefined => storage.getStore();

export const runInRequestContext = <T>(context: RequestContext, work: () => T): T =>
  storage.run(context, work);

/** For work that a request starts and that outlives it: it must not go on under the request's name. */
export const outsideOfRequest = <T>(work: () => T): T => storage.exit(work);
