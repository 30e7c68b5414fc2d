import { DaskProbe } from '../../src/modules/cluster/probes/dask.probe.js';
import { DaskCluster, describeWithDask } from '../support/dask.js';
import { until } from '../support/until.js';

describeWithDask('DaskProbe with a real scheduler and worker', (python) => {
  jest.setTimeout(60_000);
  let cluster: DaskCluster;
  let probe: DaskProbe;
  const figures = async () => (await probe.check()).figures;
  /** Asks again and again, as a server does, until the work has ended. */
  const watchUntil = async (work: Promise<void>) => {
    let hasEnded = false;
    const ended = work.finally(() => {
      hasEnded = true;
    });
    await until(
      'the end of the work',
      async () => {
        await figures();
        return hasEnded;
      },
      30_000,
    );
    await ended;
  };

  beforeAll(async () => {
    cluster = new DaskCluster(python);
    await cluster.startScheduler();
    probe = new DaskProbe(cluster.httpUrl, 10_000);
  });
  afterAll(() => cluster.stop());

  it('finds a scheduler without workers and without tasks', async () => {
    expect(await probe.check()).toMatchObject({
      running: true,
      stale: false,
      error: null,
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

  it('finds the worker by its name, with its threads and memory', async () => {
    cluster.startWorker('node-a', 2);
    const worker = await until('the worker', async () => (await figures()).workers[0], 30_000);
    expect(worker).toMatchObject({ name: 'node-a', threads: 2, address: expect.stringMatching(/^tcp:/) });
  });

  it('counts tasks while they run and after they have ended, and takes their mean time', async () => {
    const submitted = cluster.submit(8, 1, 3);
    await until(
      'all tasks to be known, some of them at work, some waiting',
      async () => {
        const { completed, failed, pending, processing } = await figures();
        return processing > 0 && pending > 0 && completed + failed + pending + processing === 11;
      },
      30_000,
    );
    await watchUntil(submitted);
    const after = await figures();
    expect(after).toMatchObject({ completed: 8, failed: 3, pending: 0, processing: 0 });
    expect(after.throughput).toBeGreaterThan(0);
    // Eight of one second and three of none: 0.73 s, seen through the polling.
    expect(after.avgTaskSeconds).toBeGreaterThan(0.3);
    expect(after.avgTaskSeconds).toBeLessThan(1.5);
  });

  it('counts on over several clients, whose tasks the scheduler forgets', async () => {
    await cluster.submit(5, 0, 1);
    expect(await figures()).toMatchObject({ completed: 13, failed: 4 });
  });

  it('reports a scheduler that was stopped as not running, with zeros', async () => {
    await cluster.stopScheduler();
    expect(await probe.check()).toMatchObject({
      running: false,
      stale: true,
      figures: { workers: [], completed: 0, failed: 0, throughput: 0, avgTaskSeconds: 0 },
    });
  });
});
