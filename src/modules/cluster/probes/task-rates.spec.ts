import { TaskRateWindow, type TaskSample } from './task-rates.js';

const sample = (
  at: number,
  completed: number,
  busyThreads = 0,
  members: Partial<TaskSample> = {},
): TaskSample => ({
  at,
  completed,
  ended: completed,
  busyThreads,
  computeSeconds: null,
  ...members,
});

describe('TaskRateWindow', () => {
  it('knows no rate from one sample, however many tasks there were before', () => {
    expect(new TaskRateWindow().add(sample(100, 5_000, 4))).toEqual({ throughput: 0, meanTaskSeconds: 0 });
  });

  it('takes the throughput over the window', () => {
    const rates = new TaskRateWindow();
    rates.add(sample(0, 10));
    expect(rates.add(sample(4, 20)).throughput).toBe(2.5);
  });

  it('forgets what is older than the window', () => {
    const rates = new TaskRateWindow();
    for (let at = 0; at <= 60; at += 5) rates.add(sample(at, at * 10));
    for (let at = 65; at <= 120; at += 5) rates.add(sample(at, 600));
    expect(rates.add(sample(125, 600)).throughput).toBe(0);
  });

  it('takes the mean time from the busy threads and the tasks that ended', () => {
    const rates = new TaskRateWindow();
    // Two threads, four tasks of five seconds in ten seconds.
    rates.add(sample(0, 0, 2));
    rates.add(sample(5, 2, 2));
    expect(rates.add(sample(10, 4, 2)).meanTaskSeconds).toBe(5);
  });

  it('counts failed tasks in the mean time, but not in the throughput', () => {
    const rates = new TaskRateWindow();
    rates.add(sample(0, 0, 2));
    expect(rates.add(sample(10, 1, 2, { ended: 4 }))).toEqual({ throughput: 0.1, meanTaskSeconds: 5 });
  });

  it('takes the mean time over more than one minute', () => {
    const rates = new TaskRateWindow();
    // One thread, tasks of 100 seconds.
    for (let at = 0; at < 300; at += 10) rates.add(sample(at, Math.floor(at / 100), 1));
    expect(rates.add(sample(300, 3, 1)).meanTaskSeconds).toBe(100);
  });

  it('keeps the last mean time while no task ends', () => {
    const rates = new TaskRateWindow();
    rates.add(sample(0, 0, 1));
    rates.add(sample(10, 5, 1));
    for (let at = 20; at <= 600; at += 10) rates.add(sample(at, 5, 0));
    // The fifth of 10 s of a busy thread, and of 10 s in which it became idle.
    expect(rates.add(sample(610, 5, 0))).toEqual({ throughput: 0, meanTaskSeconds: 3 });
  });

  it('takes the mean time from the scheduler’s own count where there is one', () => {
    const rates = new TaskRateWindow();
    rates.add(sample(0, 0, 2, { computeSeconds: 100 }));
    expect(rates.add(sample(10, 4, 2, { computeSeconds: 106 })).meanTaskSeconds).toBe(1.5);
  });
});
