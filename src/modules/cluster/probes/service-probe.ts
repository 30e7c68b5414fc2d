/** What is known of a service after its last checks. */
export interface ProbeReading<Figures> {
  /**
   * It answered, and not longer than {@link MISSES_UNTIL_STALE} checks ago: a busy service that misses one check still
   * runs. When nothing listens at its address it is known at once not to run.
   */
  readonly running: boolean;
  /** It did answer once, but has missed too many checks since: what was known of it no longer holds. */
  readonly stale: boolean;
  /** When it was last asked; null before the first check. */
  readonly checkedAt: Date | null;
  readonly answeredAt: Date | null;
  /** Why the last check failed; null when it did not. */
  readonly error: string | null;
  /** As last answered; the figures of an absent service while it does not run. */
  readonly figures: Figures;
}

/** Checks without an answer until a service counts as gone. */
const MISSES_UNTIL_STALE = 3;

/** Longest that one check takes, ms. */
const PROBE_TIME_LIMIT_MS = 1_500;

/** Asks one service how it is. A service that is absent is a finding, never an error. */
export abstract class ServiceProbe<Figures> {
  private misses = 0;
  private checkedAt: Date | null = null;
  private answeredAt: Date | null = null;
  private error: string | null = null;
  private figures: Figures;
  private pending: Promise<ProbeReading<Figures>> | null = null;

  constructor(
    private readonly absent: Figures,
    private readonly timeLimitMs = PROBE_TIME_LIMIT_MS,
  ) {
    this.figures = absent;
  }

  /** Asks the service within the time limit. Never rejects; calls at the same time share one check. */
  check(): Promise<ProbeReading<Figures>> {
    this.pending ??= this.ask().finally(() => {
      this.pending = null;
    });
    return this.pending;
  }

  /** What the last checks found, without asking. */
  reading(): ProbeReading<Figures> {
    const isGone = this.misses >= MISSES_UNTIL_STALE;
    const running = this.answeredAt !== null && !isGone;
    return {
      running,
      stale: this.answeredAt !== null && isGone,
      checkedAt: this.checkedAt,
      answeredAt: this.answeredAt,
      error: this.error,
      figures: running ? this.figures : this.absent,
    };
  }

  /** Asks and reads the answer; rejects when there is none, or none that makes sense. */
  protected abstract measure(signal: AbortSignal): Promise<Figures>;

  private async ask(): Promise<ProbeReading<Figures>> {
    try {
      this.figures = await this.measure(AbortSignal.timeout(this.timeLimitMs));
      this.misses = 0;
      this.answeredAt = new Date();
      this.error = null;
    } catch (error) {
      this.misses = isRefused(error) ? MISSES_UNTIL_STALE : this.misses + 1;
      this.error = describe(error);
    }
    this.checkedAt = new Date();
    return this.reading();
  }
}

/** What fetch wraps in `TypeError: fetch failed`. */
const causeOf = (error: unknown) => (error as { cause?: NodeJS.ErrnoException }).cause;

function isRefused(error: unknown): boolean {
  return causeOf(error)?.code === 'ECONNREFUSED';
}

function describe(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return 'no answer in time';
  const cause = causeOf(error);
  return cause?.message || cause?.code || (error as Error).message;
}
