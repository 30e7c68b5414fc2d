import { HttpDouble } from '../../../../test/support/http-double.js';
import { DaskProbe } from './dask.probe.js';

// What a real scheduler answers is tested in test/integration/dask-probe.spec.ts; here is what cannot be had of one.
const identity = (id: string) => ({
  type: 'Scheduler',
  id,
  workers: { 'tcp://10.0.0.5:1': { name: 3, nthreads: 2, last_seen: 1795380020.5, metrics: { cpu: 150.5 } } },
});
const metrics = (memory: number) => `dask_scheduler_tasks{state="memory"} ${memory}
dask_scheduler_prefix_state_totals_total{state="memory",task_prefix_name="f"} ${memory}
`;

describe('DaskProbe', () => {
  let scheduler: HttpDouble;
  let probe: DaskProbe;
  const answer = (id: string, text: string) => {
    scheduler.answers = { '/json/identity.json': { body: identity(id) }, '/metrics': { body: text } };
  };

  beforeEach(async () => {
    scheduler = await new HttpDouble().start();
    probe = new DaskProbe(scheduler.url, 500);
  });
  afterEach(() => scheduler.stop());

  it('counts from zero with another scheduler, without a negative rate', async () => {
    answer('Scheduler-a', metrics(500));
    expect((await probe.check()).figures.completed).toBe(500);
    answer('Scheduler-b', metrics(3));
    expect((await probe.check()).figures).toMatchObject({ completed: 3, throughput: 0 });
  });

  it('reads a worker whose name is a number and whose memory is not known', async () => {
    answer('Scheduler-a', metrics(0));
    expect((await probe.check()).figures.workers).toEqual([
      {
        name: '3',
        address: 'tcp://10.0.0.5:1',
        threads: 2,
        cpuPercent: 150.5,
        memoryBytes: null,
        lastSeen: new Date(1795380020500),
      },
    ]);
  });

  it('takes the present counts from a scheduler without prometheus_client', async () => {
    answer('Scheduler-a', '# Prometheus metrics are not available, see: https://docs.dask.org');
    const counts = { memory: 4, erred: 2, waiting: 5, unrunnable: 1, processing: 3 };
    scheduler.answers['/json/counts.json'] = { body: counts };
    expect(await probe.check()).toMatchObject({
      running: true,
      figures: { completed: 4, failed: 2, pending: 6, processing: 3, throughput: 0, avgTaskSeconds: 0 },
    });
  });

  it('is not deceived by another program on the port', async () => {
    scheduler.answers = { '/json/identity.json': { body: { type: 'Worker' } }, '/metrics': { body: '' } };
    expect(await probe.check()).toMatchObject({ running: false, error: 'this is not a Dask scheduler' });
  });

  it('has numbers only, also when there is no scheduler', async () => {
    scheduler.answers = {};
    expect(await probe.check()).toMatchObject({
      running: false,
      figures: {
        workers: [],
        completed: 0,
        failed: 0,
        pending: 0,
        processing: 0,
        throughput: 0,
        avgTaskSeconds: 0,
      },
    });
  });
});
