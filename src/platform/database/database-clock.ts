import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

const SYNC_EVERY_MS = 10_000;

/**
 * The database's time, the one that all nodes agree on: what one node dates, such as the end of a token, means the same
 * to the others though their own clocks are wrong. Between two looks this node's monotonic clock carries it on, which a
 * clock that is set does not move.
 */
@Injectable()
export class DatabaseClock implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('clock');
  /** What to add to the monotonic clock; this node's own time until the database has told its. */
  private offset = Date.now() - performance.now();
  private timer?: NodeJS.Timeout;

  constructor(private readonly source: DataSource) {}

  async onModuleInit(): Promise<void> {
    await this.sync();
    this.timer = setInterval(() => void this.sync(), SYNC_EVERY_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.offset + performance.now();
  }

  /** Asks once; as exact as half of the time that the answer takes. While the database is away the last answer counts. */
  private async sync(): Promise<void> {
    const asked = performance.now();
    try {
      const [{ ms }] = await this.source.query(
        'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
      );
      this.offset = ms - (asked + performance.now()) / 2;
      const wrong = Date.now() - this.now();
      if (Math.abs(wrong) > 60_000)
        this.logger.warn(`This machine's clock is ${Math.round(wrong / 1000)} s off the database's`);
    } catch (e) {
      this.logger.warn(`The database's time is not known: ${(e as Error).message}`);
    }
  }
}
