import { Refusal } from '../http/answers.js';
import type { Guard } from './guard.js';

/** Clients remembered per route; beyond it the one that began first is forgotten. */
const MAX_CLIENTS = 10_000;

interface Bucket {
  tokens: number;
  /** When `tokens` was right, ms. */
  at: number;
}

/** A token bucket per client address: `requestsPerSecond` in the long run, `burst` at once. */
export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    readonly requestsPerSecond: number,
    readonly burst: number,
  ) {}

  /** Takes one request; returns 0, or the seconds to wait when it is one too many. */
  take(client: string, now: number): number {
    const bucket = this.bucketOf(client, now);
    const refill = ((now - bucket.at) / 1_000) * this.requestsPerSecond;
    bucket.tokens = Math.min(this.capacity, bucket.tokens + refill);
    bucket.at = now;
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.requestsPerSecond);
    bucket.tokens--;
    return 0;
  }

  readonly guard: Guard = ({ clientAddress, now }) => {
    const wait = this.take(clientAddress, now);
    if (wait === 0) return null;
    const headers = ['Retry-After', String(wait)];
    return new Refusal(429, 'RATE_LIMITED', 'Too many requests', headers).toAnswer();
  };

  private get capacity(): number {
    return Math.max(1, this.burst);
  }

  private bucketOf(client: string, now: number): Bucket {
    const known = this.buckets.get(client);
    if (known) return known;
    if (this.buckets.size >= MAX_CLIENTS) this.buckets.delete(this.buckets.keys().next().value!);
    const bucket = { tokens: this.capacity, at: now };
    this.buckets.set(client, bucket);
    return bucket;
  }
}
