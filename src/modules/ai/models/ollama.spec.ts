import { OllamaDouble } from '../../../../test/support/ollama-double.js';
import { until } from '../../../../test/support/until.js';
import { Environment } from '../../../platform/config/environment.js';
import { DEFAULT_AI_CONFIG } from '../config/ai-config.dto.js';
import type { AiConfigService } from '../config/ai-config.service.js';
import { Predictor } from '../predictions/predictor.js';
import type { ModelsService } from './models.service.js';
import { OllamaRuntime } from './ollama.runtime.js';
import type { ModelSettings, PredictionInput } from './runtime.js';

let ollama: OllamaDouble;
let runtime: OllamaRuntime;
let predictor: Predictor;

beforeEach(async () => {
  ollama = await new OllamaDouble().start();
  ollama.models.add('llama3.2:latest');
  runtime = new OllamaRuntime(Object.assign(new Environment(), { OLLAMA_URL: ollama.url }));
  const config = { get: async () => DEFAULT_AI_CONFIG } as unknown as AiConfigService;
  predictor = new Predictor({} as ModelsService, config);
});
afterEach(async () => {
  await runtime.onModuleDestroy();
  await ollama.stop();
});

const model = (config: ModelSettings = {}) => ({ name: 'llama3.2', version: '1.0', config });
const ask = (input: PredictionInput, config: ModelSettings = {}, signal?: AbortSignal) =>
  predictor.predict('tenant', { runtime, model: model(config) }, input, undefined, signal);
const check = (name: string) => runtime.check({ name, version: '1.0', config: {} });
const never = new Promise<never>(() => undefined);

describe('an Ollama model', () => {
  it('generates, chats and embeds', async () => {
    expect((await ask('hello')).output).toEqual({ text: 'llama3.2 read: hello' });
    const messages = [{ role: 'user', content: 'hello' }];
    expect((await ask({ messages })).output).toEqual({ text: 'llama3.2 read user: hello' });
    expect((await ask({ text: 'ab', task: 'embed' })).output).toEqual({ embedding: [0.097, 0.098] });
  });

  it('is asked by its own name when it has another one here', async () => {
    ollama.models.add('qwen3:4b');
    expect((await ask('hello', { model: 'qwen3:4b' })).output.text).toBe('qwen3:4b read: hello');
  });

  it('is deployed when the server lists it, with or without its tag', async () => {
    expect(await check('llama3.2')).toEqual({ status: 'deployed' });
    expect(await check('llama3.2:latest')).toEqual({ status: 'deployed' });
    expect(await check('mistral')).toEqual({
      status: 'unavailable',
      reason: "Ollama has no model 'mistral'; set config.pull to fetch it",
    });
  });

  it('is unavailable, with the reason, while the server is away', async () => {
    await ollama.stop();
    expect(await check('llama3.2')).toEqual({
      status: 'unavailable',
      reason: 'the Ollama server does not answer',
    });
    await expect(ask('hello')).rejects.toMatchObject({ status: 503, code: 'MODEL_UNAVAILABLE' });
  });

  it('that the server lost is 409, one whose queue is full 503; nobody else answers', async () => {
    ollama.models.clear();
    await expect(ask('hello')).rejects.toMatchObject({ status: 409, code: 'MODEL_UNAVAILABLE' });
    ollama.models.add('llama3.2');
    ollama.failWith = {
      status: 503,
      error: 'server busy, please try again. maximum pending requests exceeded',
    };
    await expect(ask('hello')).rejects.toMatchObject({
      status: 503,
      message: 'Ollama has too many requests',
    });
  });

  it('that takes longer than its limit is given up, also by the server', async () => {
    ollama.gate = never;
    await expect(ask('hello', { timeout: '100ms' })).rejects.toMatchObject({
      status: 503,
      code: 'PREDICTION_TIMEOUT',
    });
    await until('the request to be closed', () => ollama.abandoned === 1);
  });

  it('that is cancelled stops at the server, one that still waits never gets there', async () => {
    ollama.gate = never;
    const cancelled = new AbortController();
    const two = ['a', 'b'].map((text) => ask(text, { max_instances: 1 }, cancelled.signal));
    await until('the first to be under way', () => ollama.active === 1);
    cancelled.abort(new Error('enough'));
    for (const one of two) await expect(one).rejects.toThrow();
    await until('the request to be closed', () => ollama.abandoned === 1);
    expect(ollama.mostActive).toBe(1);
  });
});

describe('limits', () => {
  it('no more requests at a time than the model has instances', async () => {
    let open!: () => void;
    ollama.gate = new Promise<void>((ok) => {
      open = ok;
    });
    const asked = Array.from({ length: 8 }, (_, i) => ask(String(i), { max_instances: 3 }));
    await until('three to be under way', () => ollama.active === 3);
    open();
    await Promise.all(asked);
    expect(ollama.mostActive).toBe(3);
  });

  it('what waits longer than one prediction may take gets 503 and leaves the line', async () => {
    ollama.gate = never;
    const asked = ['a', 'b'].map((text) => ask(text, { max_instances: 1, timeout: '200ms' }));
    const [first, second] = await Promise.allSettled(asked);
    expect(first).toMatchObject({ reason: { code: 'PREDICTION_TIMEOUT' } });
    expect(second).toMatchObject({ reason: { status: 503 } });
  });

  it('a slow model does not keep the tenant’s other models waiting', async () => {
    ollama.models.add('slow');
    ollama.gate = never;
    const stuck = Array.from({ length: 20 }, () =>
      predictor.predict(
        'tenant',
        { runtime, model: { name: 'slow', version: '1', config: { max_instances: 1, timeout: '500ms' } } },
        'x',
      ),
    );
    await until('one to be under way', () => ollama.active === 1);
    ollama.gate = Promise.resolve();
    expect((await ask('hello')).output.text).toBe('llama3.2 read: hello');
    for (const one of stuck) one.catch(() => undefined);
    await Promise.allSettled(stuck);
  });
});

describe('a pull', () => {
  const layer = (digest: string, completed: number) => ({ status: 'pulling', digest, total: 100, completed });
  const pull = (seen: number[] = []) =>
    runtime.pull({ name: 'mistral', version: '1', config: {} }, AbortSignal.timeout(5_000), (f) =>
      seen.push(f),
    );

  it('reports the share of all layers', async () => {
    ollama.pullLines = [
      { status: 'pulling manifest' },
      layer('a', 50),
      layer('a', 100),
      layer('b', 50),
      layer('b', 100),
      { status: 'success' },
    ];
    const seen: number[] = [];
    expect(await pull(seen)).toEqual({ status: 'deployed' });
    expect(seen).toEqual([0, 0.5, 1, 0.75, 1, 1]);
    expect(await check('mistral')).toEqual({ status: 'deployed' });
  });

  it('that fails or breaks off is unavailable, with the reason', async () => {
    ollama.pullLines = [layer('a', 50), { error: 'no space left on device' }];
    expect(await pull()).toEqual({
      status: 'unavailable',
      reason: 'the model could not be pulled: no space left on device',
    });
    ollama.pullLines = [layer('a', 50)];
    expect(await pull()).toMatchObject({ status: 'unavailable' });
  });
});
