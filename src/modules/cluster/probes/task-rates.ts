/** One look at the task counters. Counts go up only. */
export interface TaskSample {
  /** Seconds, on a clock that is never set. */
  readonly at: number;
  /** Tasks that gave a result. */
  readonly completed: number;
  /** Tasks that ended, with a result or an error. */
  readonly ended: number;
  /** Threads that compute a task at this moment. */
  readonly busyThreads: number;
  /** Seconds that all ended tasks took, when the scheduler counts them. */
  readonly computeSeconds: number | null;
}

export interface TaskRates {
  /** Tasks completed a second over the last minute; 0 when nothing is known yet. */
  readonly throughput: number;
  /** Seconds a task took, mean over the last five minutes; the last known while none ends; 0 before the first. */
  readonly meanTaskSeconds: number;
}

interface Point extends TaskSample {
  /** Integral of busyThreads over time up to here. */
  readonly busySeconds: number;
}

const THROUGHPUT_WINDOW_SECONDS = 60;
/** Longer, since tasks of a minute are common and the mean is noise unless several end in the window. */
const MEAN_TIME_WINDOW_SECONDS = 300;

/**
 * Throughput and mean task time from successive samples.
 *
 * Where the scheduler does not count the seconds computed (before Dask 2023), the mean time follows from Little's law
 * (J. D. C. Little, Operations Research 9(3), 1961): time in a system = number in it ÷ rate of leaving. The number is
 * that of busy threads, between samples taken as linear, so tasks much shorter than the polling interval are only seen
 * as often as a sample meets one.
 */
export class TaskRateWindow {
  private points: Point[] = [];
  private meanTaskSeconds = 0;

  /** Takes a sample later than those before; gives the rates up to it. */
  add(sample: TaskSample): TaskRates {
    const before = this.points.at(-1);
    const busySeconds = before
      ? before.busySeconds + ((before.busyThreads + sample.busyThreads) / 2) * (sample.at - before.at)
      : 0;
    const last: Point = { ...sample, busySeconds };
    this.points.push(last);
    const oldest = this.beginOf(sample.at - MEAN_TIME_WINDOW_SECONDS);
    this.points = this.points.slice(this.points.indexOf(oldest));
    const ended = last.ended - oldest.ended;
    if (ended > 0) this.meanTaskSeconds = secondsBetween(oldest, last) / ended;
    const first = this.beginOf(sample.at - THROUGHPUT_WINDOW_SECONDS);
    const seconds = last.at - first.at;
    return {
      throughput: seconds > 0 ? (last.completed - first.completed) / seconds : 0,
      meanTaskSeconds: this.meanTaskSeconds,
    };
  }

  /** The newest point that is not younger than `at`, where a window begins; the oldest there is when all are. */
  private beginOf(at: number): Point {
    return this.points.findLast((point) => point.at <= at) ?? (this.points[0] as Point);
  }
}

function secondsBetween(first: Point, last: Point): number {
  if (first.computeSeconds === null || last.computeSeconds === null)
    return last.busySeconds - first.busySeconds;
  return last.computeSeconds - first.computeSeconds;
}
