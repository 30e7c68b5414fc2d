import type { PathDelta } from '../../engine.js';

/** Paths handed out per tenant and drain … */
export const TOP_PATHS = 200;
/** … chosen from at most this many that are counted in between. */
const CANDIDATES = 1_000;
export const OTHER_PATHS = '(other)';
const LONGEST_PATH = 256;

interface Counts {
  requests: number;
  latencySumMs: number;
  errors: number;
}

/** Requests by path for one tenant. A path that comes when all places are taken counts as `(other)`. */
export class PathCounters {
  private counts = new Map<string, Counts>();
  private other: Counts = { requests: 0, latencySumMs: 0, errors: 0 };

  count(path: string, status: number, latencyMs: number): void {
    const counts = this.countsOf(foldPath(path));
    counts.requests++;
    counts.latencySumMs += latencyMs;
    if (status >= 500) counts.errors++;
  }

  drainInto(deltas: PathDelta[], tenantId: string): void {
    const ranked = [...this.counts].sort((a, b) => b[1].requests - a[1].requests);
    for (const [path, counts] of ranked.slice(0, TOP_PATHS)) deltas.push({ tenantId, path, ...counts });
    for (const [, counts] of ranked.slice(TOP_PATHS)) {
      this.other.requests += counts.requests;
      this.other.latencySumMs += counts.latencySumMs;
      this.other.errors += counts.errors;
    }
    if (this.other.requests > 0) deltas.push({ tenantId, path: OTHER_PATHS, ...this.other });
    this.counts = new Map();
    this.other = { requests: 0, latencySumMs: 0, errors: 0 };
  }

  private countsOf(path: string): Counts {
    let counts = this.counts.get(path);
    if (counts) return counts;
    if (this.counts.size >= CANDIDATES) return this.other;
    counts = { requests: 0, latencySumMs: 0, errors: 0 };
    this.counts.set(path, counts);
    return counts;
  }
}

const HAS_DIGIT = /\d/;
const ID_SEGMENT = /^(?:\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,})$/i;

/** Segments that are numbers, UUIDs or long hexadecimal ids become `{id}`; long paths are cut. */
export function foldPath(path: string): string {
  const short = path.length > LONGEST_PATH ? path.slice(0, LONGEST_PATH) : path;
  if (!HAS_DIGIT.test(short)) return short;
  return short
    .split('/')
    .map((segment) => (ID_SEGMENT.test(segment) ? '{id}' : segment))
    .join('/');
}
