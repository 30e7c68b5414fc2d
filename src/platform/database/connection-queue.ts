import { unavailable } from '../../common/errors.js';

/** Longest wait for a connection while the others work. */
const WAIT_MS = 10_000;

interface Waiter {
  enter(): void;
  fail(error: unknown): void;
}

/**
 * Lets as many transactions begin as there are connections; the others wait their turn, first come first served. The
 * pool's own queue cannot tell a busy database from a dead one and gives up after 2 s in both: a burst of a hundred
 * changes to one tenant, which wait for each other's locks, would be answered with 503. Here the time limit is longer,
 * and once the database turns out to be down everybody who waits hears of it at once.
 */
export class ConnectionQueue {
  private readonly waiting = new Set<Waiter>();
  private free: number;

  constructor(
    size: number,
    private readonly waitMs = WAIT_MS,
  ) {
    this.free = size;
  }

  /** Waits for a turn. @returns what ends it @throws AppError 503 DATABASE_BUSY after the time limit */
  async enter(): Promise<() => void> {
    if (this.free > 0) this.free--;
    else await this.turn();
    return () => this.leave();
  }

  /** The database is down: nobody who waits now will get a connection. */
  failWaiting(error: unknown): void {
    for (const waiter of [...this.waiting]) waiter.fail(error);
  }

  /** A turn is handed on without becoming free in between, so that nobody overtakes. */
  private leave(): void {
    const [next] = this.waiting;
    if (next) next.enter();
    else this.free++;
  }

  private turn(): Promise<void> {
    return new Promise((ok, no) => {
      const settle = (then: () => void) => {
        clearTimeout(timer);
        this.waiting.delete(waiter);
        then();
      };
      const waiter: Waiter = { enter: () => settle(ok), fail: (error) => settle(() => no(error)) };
      const busy = unavailable('DATABASE_BUSY', 'Too many changes at once; try again');
      const timer = setTimeout(() => waiter.fail(busy), this.waitMs);
      this.waiting.add(waiter);
    });
  }
}
