/** What the scheduler's `/metrics` says of tasks, read from Prometheus' text format. */
export interface DaskTaskMetrics {
  /** Tasks now in each state: `waiting`, `queued`, `no-worker`, `processing`, `memory`, `erred`, `released`. */
  readonly tasks: ReadonlyMap<string, number>;
  /** How often tasks came into a state since the scheduler's start; a counter for each state and prefix. */
  readonly transitions: readonly Counter[];
  /** Seconds computed, a counter for each prefix; empty before Dask 2023. */
  readonly computeSeconds: readonly Counter[];
}

export interface Counter {
  /** Its labels, which are its identity. */
  readonly key: string;
  readonly state: string;
  readonly value: number;
}

const SAMPLE = /^(dask_scheduler_[a-z_]+)(?:\{(.*)\})? ([^ ]+)$/;
/** A quote inside a label's value is escaped, so that this cannot match within one. */
const STATE = /state="([^"]*)"/;

/** Null when the text has no task metrics: the scheduler runs without prometheus_client. */
export function parseTaskMetrics(text: string): DaskTaskMetrics | null {
  const tasks = new Map<string, number>();
  const transitions: Counter[] = [];
  const computeSeconds: Counter[] = [];
  for (const line of text.split('\n')) {
    const [, name, labels = '', number] = SAMPLE.exec(line) ?? [];
    const counter = { key: labels, state: STATE.exec(labels)?.[1] ?? '', value: Number(number) };
    if (name === 'dask_scheduler_tasks') tasks.set(counter.state, counter.value);
    if (name === 'dask_scheduler_prefix_state_totals_total') transitions.push(counter);
    if (name === 'dask_scheduler_tasks_compute_seconds_total') computeSeconds.push(counter);
  }
  return tasks.size === 0 ? null : { tasks, transitions, computeSeconds };
}
