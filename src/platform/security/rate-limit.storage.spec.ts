import { MemoryRateLimitStorage } from './rate-limit.storage.js';

describe('rate limits in memory', () => {
  it('count within a window and start anew after it', async () => {
    let now = 1_000_000;
    const storage = new MemoryRateLimitStorage(() => now);
    const hit = () => storage.increment('caller', 60_000, 2);
    expect((await hit()).isBlocked).toBe(false);
    now += 59_000;
    expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: false, timeToExpire: 1 });
    expect((await hit()).isBlocked).toBe(true);
    now += 1000;
    expect(await hit()).toMatchObject({ totalHits: 1, isBlocked: false });
  });

  it('count callers apart', async () => {
    const storage = new MemoryRateLimitStorage();
    await storage.increment('a', 60_000, 1);
    expect((await storage.increment('b', 60_000, 1)).totalHits).toBe(1);
  });
});
