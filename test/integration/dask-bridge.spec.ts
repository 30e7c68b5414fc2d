import { DEFAULT_AI_CONFIG } from '../../src/modules/ai/config/ai-config.dto.js';
import type { AiConfigService } from '../../src/modules/ai/config/ai-config.service.js';
import { LogisticSentiment, trainLogistic } from '../../src/modules/ai/core/index.js';
import type { BuiltinRuntime, TrainedSentiment } from '../../src/modules/ai/models/builtin.runtime.js';
import { BatchExecutor, type Target } from '../../src/modules/ai/pipelines/batch-executor.js';
import { DaskBridge } from '../../src/modules/ai/pipelines/dask/dask-bridge.js';
import { PipelineExecutor } from '../../src/modules/ai/pipelines/pipeline-executor.js';
import { StepRunner } from '../../src/modules/ai/pipelines/step-runner.js';
import type { Step } from '../../src/modules/ai/pipelines/step-schemas.js';
import { type Predictor, withThreshold } from '../../src/modules/ai/predictions/predictor.js';
import { Environment } from '../../src/platform/config/environment.js';
import { seeded } from '../support/balancing.js';
import { DaskCluster, describeWithDask } from '../support/dask.js';
import { DaskBridgeProcess } from '../support/dask-bridge.js';
import { until } from '../support/until.js';

const TOKEN = 'a token of the bridge';
const step = (name: Step['name'], parameters: Step['parameters'] = {}): Step => ({ name, parameters });

const GOOD = ['good', 'great', 'lovely', 'wonderful', 'très bien', 'отлично'];
const BAD = ['bad', 'awful', 'sad', 'terrible', 'mauvais', 'плохо'];
const rows = Array.from({ length: 120 }, (_, i) => {
  const words = i % 2 ? GOOD : BAD;
  const text = `it's a ${words[i % 6]} and ${words[(i * 5) % 6]} thing no. ${i}`;
  return { text, label: i % 2 ? ('positive' as const) : ('negative' as const) };
});
const data = trainLogistic(rows);
const trained: TrainedSentiment = { data, version: 1, classifier: new LogisticSentiment(data) };

/** Texts of what the bridge takes, mixed with what it must leave to us. */
function texts(count: number): string[] {
  const random = seeded(11);
  const pieces = [
    ...[
      ...GOOD,
      ...BAD,
      "don't",
      'l’été',
      'ÀÉÎõü',
      'ΟΔΟΣ',
      'ΣΊΣΥΦΟΣ',
      'Їжак',
      'İstanbul',
      'ǅ',
      'ŉ',
      'ªº',
      'ﬁ',
    ],
    ...['3.14', '1,000', '1;2', '2²', '½', '007', 'v1.2.3', 'a_b', '__', '_', 'foo:bar', 'http://x.y/z?q=1'],
    ...[
      '.',
      ',',
      '…',
      '—',
      '“q”',
      '€5',
      '\n',
      '\t',
      '\u00a0',
      '  ',
      '·',
      'a·b',
      "'",
      "rock'n'roll",
      'x--y',
      '(',
      '+',
    ],
    ...['😀', 'สวัสดี', '日本語', 'e\u0301', '\u00ad', '\u200d', '\ud800', 'क्षि'],
  ];
  const rare = 8;
  return Array.from({ length: count }, () => {
    const odd = random() < 0.2;
    const from = odd ? pieces.length : pieces.length - rare;
    const words = Array.from(
      { length: 1 + Math.floor(random() * 12) },
      () => pieces[Math.floor(random() * from)],
    );
    return words.join(random() < 0.5 ? ' ' : random() < 0.5 ? '' : ', ');
  });
}

/** The executor as the program has it; the predictor asks the trained classifier. */
function executor(url: string | undefined, token = TOKEN): BatchExecutor {
  const environment = Object.assign(new Environment(), { DASK_BRIDGE_URL: url, DASK_BRIDGE_TOKEN: token });
  const predictor = {
    resolve: async () => null,
    predict: async (_: string, __: unknown, text: string, threshold?: number) => ({
      output: withThreshold({ ...trained.classifier.predict(text) }, threshold ?? 0.5),
    }),
  };
  const builtin = { trainedSentiment: async () => trained } as unknown as BuiltinRuntime;
  const config = { get: async () => DEFAULT_AI_CONFIG } as unknown as AiConfigService;
  const single = new PipelineExecutor(new StepRunner(predictor as unknown as Predictor));
  return new BatchExecutor(single, new DaskBridge(environment), builtin, config);
}
const run = (on: BatchExecutor, steps: Step[], inputs: string[], target: Target, signal?: AbortSignal) =>
  on.execute('tenant', steps, inputs, target, signal ?? new AbortController().signal);

describeWithDask('the Dask bridge', (python) => {
  const cluster = new DaskCluster(python);
  let bridge: DaskBridgeProcess;

  beforeAll(async () => {
    await cluster.startScheduler();
    cluster.startWorker('one', 2);
    bridge = await DaskBridgeProcess.start(python, cluster.address, TOKEN);
    const dask = new DaskBridge(
      Object.assign(new Environment(), { DASK_BRIDGE_URL: bridge.url, DASK_BRIDGE_TOKEN: TOKEN }),
    );
    await until(
      'a worker',
      () =>
        dask.check().then(
          () => true,
          () => false,
        ),
      30_000,
    );
  }, 60_000);
  afterAll(async () => {
    await bridge?.stop();
    await cluster.stop();
  });

  const normalize = step('normalize', { strip_accents: true, strip_punctuation: true });
  const sentiment = step('sentiment_analysis', { confidence_threshold: 0.7 });
  it.each([
    ['words', [step('tokenize')]],
    ['words and symbols', [step('tokenize', { keep_symbols: true, language: 'fr' })]],
    ['changed texts', [normalize]],
    ['texts in their case', [step('normalize', { lowercase: false })]],
    ['words of changed texts', [normalize, step('tokenize')]],
    ['sentiment', [sentiment]],
    ['sentiment of changed texts', [step('normalize'), sentiment]],
  ])('gives exactly the local %s', async (_, steps) => {
    const inputs = texts(1_500);
    const on = executor(bridge.url);
    const here = await run(on, steps, inputs, 'local');
    const there = await run(on, steps, inputs, 'dask');
    expect([here.executor, there.executor]).toEqual(['local', 'dask']);
    expect(there.results).toEqual(here.results);
    expect([there.status, there.error]).toEqual([here.status, here.error]);
  });

  it('does most of such texts itself', async () => {
    const environment = Object.assign(new Environment(), {
      DASK_BRIDGE_URL: bridge.url,
      DASK_BRIDGE_TOKEN: TOKEN,
    });
    const job = { steps: [step('tokenize')], model: null, texts: texts(1_000) };
    const results = await new DaskBridge(environment).run(job, new AbortController().signal, () => undefined);
    expect(results.filter((r) => r !== null).length).toBeGreaterThan(500);
  });

  it('takes a large batch by itself, and says how far it is', async () => {
    const on = executor(bridge.url);
    const seen: number[] = [];
    const inputs = texts(6_000);
    const { signal } = new AbortController();
    const outcome = await on.execute('t', [step('tokenize')], inputs, 'auto', signal, (done) =>
      seen.push(done),
    );
    expect([outcome.executor, outcome.executorReason]).toEqual(['dask', null]);
    expect(seen.at(-1)).toBe(6_000);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  it('forgets a job that is cancelled', async () => {
    const cancelled = new AbortController();
    const running = executor(bridge.url).execute(
      't',
      [sentiment],
      texts(20_000),
      'dask',
      cancelled.signal,
      () => cancelled.abort(),
    );
    expect(await running).toMatchObject({ status: 'cancelled', results: null });
  });

  it('refuses other tokens and other steps', async () => {
    await expect(run(executor(bridge.url, 'wrong'), [step('tokenize')], ['a'], 'dask')).rejects.toMatchObject(
      {
        status: 503,
        code: 'DASK_UNAVAILABLE',
        message: 'the Dask bridge: it refuses DASK_BRIDGE_TOKEN',
      },
    );
    const answer = await fetch(`${bridge.url}/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ steps: [{ name: 'os.system' }], texts: ['a'] }),
    });
    expect([answer.status, await answer.json()]).toEqual([
      422,
      { error: "steps.0: 'os.system' cannot be done here" },
    ]);
  });

  it('without workers says so; what was not asked to go there runs here', async () => {
    await cluster.stopScheduler();
    const on = executor(bridge.url);
    await expect(run(on, [step('tokenize')], ['a'], 'dask')).rejects.toMatchObject({
      code: 'DASK_UNAVAILABLE',
    });
    const here = await run(on, [step('tokenize')], texts(2_000), 'auto');
    expect([here.status, here.executor]).toEqual(['completed', 'local']);
    expect(here.executorReason).toContain('Dask');
  }, 20_000);
});

describe('without a Dask bridge', () => {
  const on = executor(undefined);

  it('a pipeline that is to go there is 503, one that cannot is 422 with the step', async () => {
    await expect(on.checkTarget('t', [step('tokenize')], 'dask')).rejects.toMatchObject({
      status: 503,
      message: 'no Dask bridge is set up (DASK_BRIDGE_URL)',
    });
    await expect(
      on.checkTarget('t', [step('tokenize'), step('language_detect')], 'dask'),
    ).rejects.toMatchObject({
      status: 422,
      details: [expect.objectContaining({ field: 'steps.1' })],
    });
  });

  it('large batches run here, and say why', async () => {
    const outcome = await run(on, [step('tokenize')], Array(2_000).fill('some words'), 'auto');
    expect(outcome).toMatchObject({
      status: 'completed',
      executor: 'local',
      executorReason: 'no Dask bridge is set up (DASK_BRIDGE_URL)',
    });
  });
});
