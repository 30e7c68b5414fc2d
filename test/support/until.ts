import { setTimeout as delay } from 'node:timers/promises';

/** Waits until the condition gives something truthy and returns that; fails naming `what` after the time limit (ms). */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 30_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await delay(10);
  }
}
