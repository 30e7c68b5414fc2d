import { Logger } from '@nestjs/common';

export interface Periodic {
  /** Ends the repetition; resolves when a run in progress has ended. */
  stop(): Promise<void>;
  /** Runs now, once, and resolves when done. */
  runNow(): Promise<void>;
}

/** Repeats `work` with a pause after each run; runs never overlap, an error is logged and does not end it. */
export function repeat(name: string, pauseMs: number | (() => number), work: () => Promise<void>): Periodic {
  const logger = new Logger(name);
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();
  const run = () => {
    current = current.then(async () => {
      try {
        await work();
      } catch (e) {
        if (!stopped) logger.warn(`failed: ${(e as Error).message}`);
      }
    });
    return current;
  };
  const schedule = () => {
    timer = setTimeout(
      async () => {
        await run();
        if (!stopped) schedule();
      },
      typeof pauseMs === 'function' ? pauseMs() : pauseMs,
    );
    timer.unref();
  };
  schedule();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
    runNow: run,
  };
}
