import { BackendLoad } from '../../src/modules/dataplane/embedded/balancing/backend-load.js';
import type { Candidate } from '../../src/modules/dataplane/embedded/balancing/balancer.js';
import { hashString } from '../../src/modules/dataplane/embedded/balancing/hash.js';

/** A small seeded generator (mulberry32), uniform on [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export function candidate(id: string, weight = 1, usableSince = Number.NEGATIVE_INFINITY): Candidate {
  return { id, idHash: hashString(id), weight, load: new BackendLoad(usableSince) };
}

export function candidates(...weights: number[]): Candidate[] {
  return weights.map((weight, i) => candidate(String.fromCharCode(97 + i), weight));
}
