import type { VeloFluxClient } from '../../client/index.js';
import { DaskCluster, describeWithDask } from '../support/dask.js';
import { DaskBridgeProcess } from '../support/dask-bridge.js';
import { OllamaDouble } from '../support/ollama-double.js';
import { newTenant, startServer, type TestServer, testDirectory, until } from '../support/server.js';

type Steps = { name: string; parameters?: Record<string, string | number | boolean> }[];
const GENERATE: Steps = [{ name: 'tokenize' }, { name: 'generate', parameters: { model: 'llama3.2' } }];
const never = new Promise<never>(() => undefined);

let ollama: OllamaDouble;
let server: TestServer;
let client: VeloFluxClient;

beforeAll(async () => {
  ollama = await new OllamaDouble().start();
  ollama.models.add('llama3.2');
  server = await startServer({ env: { OLLAMA_URL: ollama.url } });
  client = await tenantWithModel(server);
});
afterAll(async () => {
  await server.stop();
  await ollama.stop();
});
afterEach(() => {
  ollama.gate = Promise.resolve();
  ollama.failWith = null;
});

async function tenantWithModel(on: TestServer): Promise<VeloFluxClient> {
  const made = on.client((await newTenant(on, 'enterprise')).token);
  const config = { runtime: 'ollama', timeout: '20s' } as const;
  await made.POST('/api/ai/models', { body: { model_name: 'llama3.2', config } });
  return made;
}

let counter = 0;
async function create(steps: Steps, by = client): Promise<string> {
  const body = { name: `pipeline ${counter++}`, type: 'text', steps };
  const { data, error } = await by.POST('/api/ai/pipelines', { body: body as never });
  return data?.id ?? Promise.reject(new Error(error!.message));
}
const run = (id: string, body: object, query: { async?: boolean } = {}, by = client) =>
  by.POST('/api/ai/pipelines/{id}/run', { params: { path: { id }, query }, body });
async function enqueue(id: string, body: object, by = client): Promise<string> {
  const { data, error } = await run(id, body, { async: true }, by);
  return data?.run_id ?? Promise.reject(new Error(error!.message));
}
async function read(id: string, runId: string, by = client) {
  const path = { id, run_id: runId };
  return (await by.GET('/api/ai/pipelines/{id}/runs/{run_id}', { params: { path } })).data!;
}
const ended = (id: string, runId: string, by = client, limit = 20_000) =>
  until(
    'the end of the run',
    async () => {
      const found = await read(id, runId, by);
      return ['completed', 'failed', 'cancelled'].includes(found.status) ? found : null;
    },
    limit,
  );

describe('a run in the background', () => {
  it('embeds and generates with the tenant’s models, each step with its time', async () => {
    const id = await create([{ name: 'embed', parameters: { model: 'llama3.2' } }]);
    const { data } = await run(id, { input: 'ab' });
    expect(data!.output).toEqual({ embedding: [0.097, 0.098] });
    const pipeline = await create(GENERATE);
    const done = await ended(pipeline, await enqueue(pipeline, { input: 'hello' }));
    expect(done).toMatchObject({
      status: 'completed',
      output: { text: 'llama3.2 read: hello' },
      progress: 100,
    });
    expect(done.steps.map((s) => [s.name, s.status])).toEqual([
      ['tokenize', 'completed'],
      ['generate', 'completed'],
    ]);
    for (const { duration_ms } of done.steps) expect(duration_ms).toBeGreaterThan(0);
  });

  it('that is cancelled ends while the model has not answered, and leaves the model alone', async () => {
    ollama.gate = never;
    const id = await create(GENERATE);
    const runId = await enqueue(id, { input: 'hello' });
    await until('the model to be asked', () => ollama.active > 0);
    const asked = ollama.abandoned;
    const path = { id, run_id: runId };
    await client.POST('/api/ai/pipelines/{id}/runs/{run_id}/cancel', { params: { path } });
    const done = await ended(id, runId);
    expect([done.status, done.error]).toEqual(['cancelled', null]);
    expect(done.steps.map((s) => s.status)).toEqual(['completed', 'failed']);
    await until('the model to be left alone', () => ollama.abandoned === asked + 1);
  });

  it('is tried again while a model is too busy, and completes', async () => {
    ollama.failWith = { status: 503, error: 'server busy' };
    const id = await create(GENERATE);
    const runId = await enqueue(id, { input: 'hello' });
    await until('its first try', async () => (await read(id, runId)).error?.includes('too many requests'));
    ollama.failWith = null;
    const done = await ended(id, runId);
    expect(done).toMatchObject({ status: 'completed', attempts: 2, error: null });
  });

  it('fails at once for a reason that stays', async () => {
    const id = await create([{ name: 'classify', parameters: { model: 'nowhere' } }, { name: 'tokenize' }]);
    const done = await ended(id, await enqueue(id, { input: 'hello' }));
    expect(done).toMatchObject({
      status: 'failed',
      attempts: 1,
      error: "classify: Model 'nowhere' not found",
    });
    expect(done.steps.map((s) => s.status)).toEqual(['failed', 'skipped']);
  });

  it('does not wait behind another tenant’s long line', async () => {
    let open!: () => void;
    ollama.gate = new Promise<void>((ok) => {
      open = ok;
    });
    const id = await create(GENERATE);
    const line = await Promise.all(Array.from({ length: 12 }, () => enqueue(id, { input: 'hello' })));
    await until('the queue to be full', () => ollama.active === 4);
    const other = await tenantWithModel(server);
    const theirs = await create([{ name: 'tokenize' }], other);
    const waiting = await enqueue(theirs, { input: 'hello' }, other);
    open();
    const done = await ended(theirs, waiting, other);
    const last = await Promise.all(line.map((runId) => ended(id, runId)));
    const before = last.filter((r) => r.started_at! < done.started_at!).length;
    expect(before).toBeLessThanOrEqual(8);
  });
});

describe('a batch', () => {
  it('has a result for each input, in order; a bad one fails alone', async () => {
    const id = await create([{ name: 'normalize' }, { name: 'tokenize' }]);
    const { data } = await run(id, { inputs: ['One Two', ' ', 'Three'] });
    expect(data).toMatchObject({ status: 'completed', size: 3, executor: 'local', output: null });
    expect(data!.error).toBe('1 of 3 inputs failed');
    expect(data!.results!.map((r) => r.output?.tokens ?? r.error)).toEqual([
      ['one', 'two'],
      'normalize: this step needs a text as input',
      ['three'],
    ]);
    expect(data!.steps[0]!.error).toBe('1 of 3: this step needs a text as input');
  });

  it('in the background is cancelled while the model has not answered', async () => {
    ollama.gate = never;
    const id = await create(GENERATE);
    const runId = await enqueue(id, { inputs: Array(50).fill('hello') });
    await until('the model to be asked', () => ollama.active >= 4);
    const path = { id, run_id: runId };
    await client.POST('/api/ai/pipelines/{id}/runs/{run_id}/cancel', { params: { path } });
    expect(await ended(id, runId)).toMatchObject({ status: 'cancelled', results: null });
  });

  it('is one of input and inputs, and large only in the background', async () => {
    const id = await create([{ name: 'tokenize' }]);
    for (const body of [
      {},
      { input: 'a', inputs: ['b'] },
      { inputs: [] },
      { inputs: Array(1_001).fill('a') },
    ])
      expect((await run(id, body)).response.status).toBe(422);
    const done = await ended(id, await enqueue(id, { inputs: Array(1_001).fill('a b') }));
    expect(done.results).toHaveLength(1_001);
  });

  it('that is to go to Dask is 503 without a bridge, 422 with a step that stays here', async () => {
    const words = await create([{ name: 'tokenize' }]);
    const sent = await run(words, { inputs: ['a'], target: 'dask' });
    expect([sent.response.status, sent.error!.code]).toEqual([503, 'DASK_UNAVAILABLE']);
    const language = await create([{ name: 'tokenize' }, { name: 'language_detect' }]);
    const { error } = await run(language, { inputs: ['a'], target: 'dask' });
    expect(error!.details).toEqual([expect.objectContaining({ field: 'steps.1' })]);
  });
});

it('a wrong parameter of a step is 422 with its name', async () => {
  const steps = [{ name: 'tokenize' }, { name: 'forecast', parameters: { horizon: 0 } }, { name: 'embed' }];
  const { response, error } = await client.POST('/api/ai/pipelines', {
    body: { name: 'wrong', type: 'text', steps } as never,
  });
  expect(response.status).toBe(422);
  expect((error!.details as { field: string }[]).map((d) => d.field)).toEqual([
    'steps.1.parameters.horizon',
    'steps.2.parameters.model',
  ]);
});

it('a run whose node is killed is begun anew and has one end', async () => {
  const dataDir = testDirectory();
  let crashing = await startServer({ dataDir, env: { OLLAMA_URL: ollama.url } });
  const tenant = await newTenant(crashing);
  const before = crashing.client(tenant.token);
  await before.POST('/api/ai/models', { body: { model_name: 'llama3.2', config: { runtime: 'ollama' } } });
  ollama.gate = never;
  const id = await create(GENERATE, before);
  const runId = await enqueue(id, { input: 'hello' }, before);
  await until('the model to be asked', async () => {
    return ollama.active > 0 && (await read(id, runId, before)).status === 'running';
  });
  await crashing.kill();
  ollama.gate = Promise.resolve();
  crashing = await startServer({ dataDir, env: { OLLAMA_URL: ollama.url } });
  const after = crashing.client(tenant.token);
  const done = await ended(id, runId, after, 25_000);
  expect(done).toMatchObject({ status: 'completed', attempts: 2, output: { text: 'llama3.2 read: hello' } });
  const { data } = await after.GET('/api/ai/pipelines/{id}/runs', { params: { path: { id } } });
  expect(data).toHaveLength(1);
  await crashing.stop();
}, 60_000);

// test/integration/dask-bridge.spec.ts compares the results; this is the way through the whole program
describeWithDask('with a Dask cluster', (python) => {
  it('a batch goes there and comes back as it would here', async () => {
    const cluster = new DaskCluster(python);
    await cluster.startScheduler();
    cluster.startWorker('one', 1);
    const bridge = await DaskBridgeProcess.start(python, cluster.address, 'a token of the bridge');
    const env = { DASK_BRIDGE_URL: bridge.url, DASK_BRIDGE_TOKEN: 'a token of the bridge' };
    const connected = await startServer({ env });
    try {
      const by = connected.client((await newTenant(connected)).token);
      const id = await create([{ name: 'normalize' }, { name: 'tokenize' }], by);
      const inputs = Array.from({ length: 500 }, (_, i) => `Text no. ${i}, ça va?`);
      const there = await until(
        'the cluster',
        async () => (await run(id, { inputs, target: 'dask' }, {}, by)).data,
      );
      const here = (await run(id, { inputs, target: 'local' }, {}, by)).data!;
      expect([there.executor, here.executor]).toEqual(['dask', 'local']);
      expect(there.results).toEqual(here.results);
    } finally {
      await connected.stop();
      await bridge.stop();
      await cluster.stop();
    }
  }, 60_000);
});
