import { CounterTotal } from './counter-total.js';
import { parseTaskMetrics } from './dask-metrics.js';

const TEXT = `# HELP dask_scheduler_tasks Number of tasks known by scheduler
# TYPE dask_scheduler_tasks gauge
dask_scheduler_tasks{state="queued"} 3.0
dask_scheduler_tasks{state="no-worker"} 1.0
dask_scheduler_tasks_forgotten_total 7.0
dask_scheduler_prefix_state_totals_total{state="memory",task_prefix_name="inc"} 4.0
dask_scheduler_prefix_state_totals_total{state="erred",task_prefix_name="odd,state=\\"memory\\" x"} 2.0
dask_scheduler_tasks_compute_seconds_total{task_prefix_name="inc"} 1.5e+01
`;

describe('parseTaskMetrics', () => {
  it('reads gauges and counters, whatever the names of tasks', () => {
    const metrics = parseTaskMetrics(TEXT);
    expect([...(metrics?.tasks ?? [])]).toEqual([
      ['queued', 3],
      ['no-worker', 1],
    ]);
    expect(metrics?.transitions.map(({ state, value }) => [state, value])).toEqual([
      ['memory', 4],
      ['erred', 2],
    ]);
    expect(metrics?.computeSeconds.map(({ value }) => value)).toEqual([15]);
  });

  it('gives nothing for a scheduler without prometheus_client', () => {
    expect(parseTaskMetrics('# Prometheus metrics are not available, see: https://docs.dask.org')).toBeNull();
  });
});

describe('CounterTotal', () => {
  const counter = (key: string, value: number) => ({ key, state: 'memory', value });

  it('adds the counters up', () => {
    expect(new CounterTotal().update([counter('a', 3), counter('b', 4)])).toBe(7);
  });

  it('goes on when a counter starts anew, disappears or comes back', () => {
    const total = new CounterTotal();
    total.update([counter('a', 3), counter('b', 4)]);
    expect(total.update([counter('a', 1), counter('b', 5)])).toBe(9);
    expect(total.update([counter('b', 6)])).toBe(10);
    expect(total.update([counter('a', 2), counter('b', 6)])).toBe(11);
  });
});
