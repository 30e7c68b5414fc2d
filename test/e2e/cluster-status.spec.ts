import { AgentProgram } from '../support/agent-program.js';
import { DaskCluster, describeWithDask } from '../support/dask.js';
import { HttpDouble } from '../support/http-double.js';
import { adminToken, startServer, type TestServer, until } from '../support/server.js';

type Status = Record<string, number> & { status: string };
/** A worker's Python takes its time on a busy machine. */
const PATIENCE_MS = 60_000;

describeWithDask('the cluster’s status with a real Dask scheduler and a worker under an agent', (python) => {
  jest.setTimeout(120_000);
  let cluster: DaskCluster;
  let ollama: HttpDouble;
  let webui: HttpDouble;
  let server: TestServer;
  let program: AgentProgram;
  let token: string;

  const call = async (method: string, path: string) => {
    const response = await fetch(server.api + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'cache-control': 'no-cache',
        'content-type': 'application/json',
      },
      ...(method === 'POST' && { body: '{}' }),
    });
    return (await response.json()) as never;
  };
  const status = async (): Promise<Status> => call('GET', '/cluster/status');
  const untilStatus = (what: string, holds: (now: Status) => boolean) =>
    until(
      what,
      async () => {
        const now = await status();
        return holds(now) ? now : null;
      },
      PATIENCE_MS,
    );

  beforeAll(async () => {
    cluster = new DaskCluster(python);
    await cluster.startScheduler();
    [ollama, webui] = [await new HttpDouble().start(), await new HttpDouble().start()];
    ollama.answers = { '/api/tags': { body: { models: [] } }, '/api/ps': { body: { models: [] } } };
    webui.answers = { '/': { body: '<!doctype html>' } };
    server = await startServer({
      env: { DASK_SCHEDULER_URL: cluster.httpUrl, OLLAMA_URL: ollama.url, WEBUI_URL: webui.url },
    });
    token = await adminToken(server);
    program = new AgentProgram();
  }, 120_000);
  afterAll(async () => {
    await program.remove();
    await server.stop();
    await cluster.stop();
    await Promise.all([ollama.stop(), webui.stop()]);
  });

  it('shows services that run, before any worker has enrolled', async () => {
    expect(await status()).toEqual({
      total_workers: 0,
      active_workers: 0,
      total_cpu: 0,
      total_memory: 0,
      status: 'no_workers',
      ollama_running: true,
      dask_running: true,
      webui_running: true,
      dask_workers: 0,
      dask_tasks_completed: 0,
      dask_tasks_failed: 0,
      dask_tasks_pending: 0,
      dask_tasks_processing: 0,
      dask_task_throughput: 0,
      dask_avg_task_time: 0,
    });
  });

  it('shows the worker that an agent started, and the tasks that it carries out', async () => {
    const { token: enrollment } = (await call('POST', '/api/workers/enrollment-tokens')) as { token: string };
    program.run(
      ...['--server', server.api, '--name', 'dask-a', '--token', enrollment, '--'],
      ...cluster.workerCommand('dask-a', 2),
    );
    const joined = await untilStatus('the worker', (s) => s.dask_workers === 1 && s.active_workers === 1);
    expect(joined).toMatchObject({ total_workers: 1, status: 'healthy' });
    const work = cluster.submit(12, 1, 2);
    await untilStatus('tasks at work', (s) => s.dask_tasks_processing! > 0 && s.dask_tasks_pending! > 0);
    await work;
    const after = await untilStatus('the end of all tasks', (s) => s.dask_tasks_completed === 12);
    expect(after).toMatchObject({ dask_tasks_failed: 2, dask_tasks_pending: 0, dask_tasks_processing: 0 });
    expect(after.dask_task_throughput).toBeGreaterThan(0);
    expect(after.dask_avg_task_time).toBeGreaterThan(0);
    expect(after.total_memory).toBeGreaterThan(0);
  });

  it('shows that the worker left Dask when it was told to stop', async () => {
    const [worker] = (await call('GET', '/workers')) as { id: string }[];
    await call('POST', `/workers/${worker!.id}/stop`);
    const stopped = await untilStatus('no Dask worker', (s) => s.dask_workers === 0);
    expect(stopped).toMatchObject({ total_workers: 1, active_workers: 0, status: 'healthy' });
  });

  it('shows services that stopped as not running', async () => {
    await webui.stop();
    await cluster.stopScheduler();
    const gone = await untilStatus('their end', (s) => !s.webui_running && !s.dask_running);
    expect(gone).toMatchObject({ ollama_running: true, dask_tasks_completed: 0 });
    const monitoring = await call('GET', '/monitoring/status');
    expect(monitoring).toMatchObject({ services_status: { ollama: true, dask: false, webui: false } });
    await webui.start();
  });
});
