import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';

export type Hit = Awaited<ReturnType<ThrottlerStorage['increment']>>;
/** Keys kept at once; the least recently used ones start anew beyond that. */
export const MAX_KEYS = 200_000;

export const hit = (totalHits: number, limit: number, msLeft: number): Hit => ({
  totalHits,
  timeToExpire: msLeft / 1000,
  isBlocked: totalHits > limit,
  timeToBlockExpire: 0,
});

/** Fixed windows in memory, O(1) a request; the library's own storage rescans every hit in the window. */
export class MemoryRateLimitStorage implements ThrottlerStorage {
  private readonly windows = new LRUCache<string, { count: number; endsAt: number }>({ max: MAX_KEYS });

  constructor(private readonly now: () => number = () => performance.now()) {}

  async increment(key: string, ttl: number, limit: number): Promise<Hit> {
    const now = this.now();
    let window = this.windows.get(key);
    if (!window || window.endsAt <= now) {
      window = { count: 0, endsAt: now + ttl };
      this.windows.set(key, window);
    }
    window.count++;
    return hit(window.count, limit, window.endsAt - now);
  }
}

/** One atomic step: count, start the window with the first hit, tell what is left of it. */
const COUNT = `local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {n, redis.call('PTTL', KEYS[1])}`;

/** Fixed windows in Redis, shared by all nodes. While Redis is away each node counts for itself. */
export class RedisRateLimitStorage implements ThrottlerStorage, OnApplicationShutdown {
  private readonly logger = new Logger(RedisRateLimitStorage.name);
  private readonly fallback = new MemoryRateLimitStorage();
  private readonly redis: Redis;

  constructor(url: string) {
    this.redis = new Redis(url, {
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      commandTimeout: 300,
      connectTimeout: 2000,
    });
    this.redis.on('error', (e: Error) => this.logger.warn(`Redis does not answer: ${e.message}`));
  }

  async increment(key: string, ttl: number, limit: number): Promise<Hit> {
    try {
      const [count, left] = (await this.redis.eval(COUNT, 1, `veloflux:limit:${key}`, ttl)) as [
        number,
        number,
      ];
      return hit(count, limit, Math.max(0, left));
    } catch {
      return this.fallback.increment(key, ttl, limit);
    }
  }

  get healthy(): boolean {
    return this.redis.status === 'ready';
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
