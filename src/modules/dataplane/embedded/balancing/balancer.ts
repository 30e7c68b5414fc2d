import type { BackendLoad } from './backend-load.js';

/** A backend as a balancing algorithm sees it. */
export interface Candidate {
  readonly id: string;
  /** 32-bit hash of the id, made once. */
  readonly idHash: number;
  /** 1–1000. */
  readonly weight: number;
  readonly load: BackendLoad;
}

/** What of a request an algorithm may look at. */
export interface PickRequest {
  readonly clientAddress: string;
  /** Milliseconds of the engine's monotonic clock. */
  readonly now: number;
}

/**
 * One balancing algorithm of one pool. `pick` is given the backends that may be used now, never none. The pool keeps
 * `load.inFlight`; the callbacks let an algorithm learn from the outcome.
 */
export interface Balancer {
  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest): C;
  onStart?(backend: Candidate, now: number): void;
  /** A response head with a status below 500 came after `latencyMs`. */
  onResponse?(backend: Candidate, latencyMs: number, now: number): void;
  /** The connection failed, the time ran out or the status was 500 or more, after `latencyMs`. */
  onFailure?(backend: Candidate, latencyMs: number, now: number): void;
}

/** Uniform on [0, 1). */
export type Random = () => number;
