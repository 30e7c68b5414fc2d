import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { VeloFluxClient } from '../../client/index.js';
import { OllamaDouble } from '../support/ollama-double.js';
import { type WordWeights, writeCountingModel, writeTokenModel } from '../support/onnx-model.js';
import { newTenant, startServer, type TestServer, until } from '../support/server.js';

const WORDS: WordWeights = { good: [-2, 2], bad: [2, -2], fine: [-0.1, 0.1] };

let ollama: OllamaDouble;
let server: TestServer;
let client: VeloFluxClient;
let models: string;

beforeAll(async () => {
  ollama = await new OllamaDouble().start();
  server = await startServer({ env: { OLLAMA_URL: ollama.url } });
  client = server.client((await newTenant(server)).token);
  models = path.join(server.dataDir, 'models');
  writeCountingModel(path.join(models, 'counting'), WORDS);
});
afterAll(async () => {
  await server.stop();
  await ollama.stop();
});

async function deploy(name: string, config: object) {
  const { data, error } = await client.POST('/api/ai/models', {
    body: { model_name: name, config } as never,
  });
  return data ?? Promise.reject(new Error(error!.message));
}
const predict = (model: string, input: string, options?: object) =>
  client.POST('/api/ai/predict', { body: { model, input, options } as never });
const read = async (id: string) =>
  (await client.GET('/api/ai/models/{id}', { params: { path: { id } } })).data!;

describe('an ONNX classifier in a directory', () => {
  it('is deployed and answers; below the threshold the label is `uncertain`', async () => {
    expect(await deploy('reviews', { runtime: 'onnx', path: 'counting' })).toMatchObject({
      status: 'deployed',
    });
    const good = (await predict('reviews', 'Good, really good!')).data!.output as never;
    expect(good).toMatchObject({ label: 'positive', confidence: expect.closeTo(1 / (1 + Math.exp(-8)), 5) });
    const unsure = await predict('reviews', 'fine', { confidence_threshold: 0.9 });
    expect(unsure.data!.output).toMatchObject({ label: 'uncertain' });
  });

  it('answers a batch, each text for itself', async () => {
    const inputs = ['good', 'bad', ' '];
    const { data } = await client.POST('/api/ai/predict/batch', {
      body: { model: 'reviews', inputs } as never,
    });
    expect(data).toMatchObject({ succeeded: 2, failed: 1 });
    expect(data!.results.map((r) => r.output?.label)).toEqual(['positive', 'negative', undefined]);
  });

  it('takes a Hugging Face tokenizer and config as well', async () => {
    writeTokenModel(path.join(models, 'tokens'), WORDS);
    expect(await deploy('tokens', { runtime: 'onnx' })).toMatchObject({ status: 'deployed' });
    const { data } = await predict('tokens', 'what a bad bad day');
    expect(data!.output).toMatchObject({ label: 'negative', confidence: expect.closeTo(0.832, 3) });
  });

  it('is unavailable, with the reason, when files are missing or wrong', async () => {
    writeCountingModel(path.join(models, 'broken'), WORDS);
    writeFileSync(path.join(models, 'broken', 'model.onnx'), 'no weights at all');
    writeCountingModel(path.join(models, 'labels'), WORDS);
    writeFileSync(path.join(models, 'labels', 'labels.json'), '["a", "b", "c"]');
    mkdirSync(path.join(models, 'empty'));
    const reasons: Record<string, string> = {};
    for (const name of ['broken', 'labels', 'empty', 'nowhere'])
      reasons[name] = String((await deploy(name, { runtime: 'onnx' })).reason);
    expect(reasons).toEqual({
      broken: expect.stringMatching(/^model.onnx cannot be loaded: /),
      labels: 'model.onnx answers 2 classes, there are 3 labels',
      empty: "'empty' has no model.onnx",
      nowhere: "there is no directory 'nowhere' below DATA_DIR/models",
    });
    const asked = await predict('broken', 'hello');
    expect([asked.response.status, asked.error!.code]).toEqual([409, 'MODEL_UNAVAILABLE']);
  });

  it('a tenant’s own directory is nobody else’s, by whatever path, and goes before one for all', async () => {
    const owner = await newTenant(server);
    writeCountingModel(path.join(models, owner.tenantId, 'secret'), WORDS);
    writeCountingModel(path.join(models, owner.tenantId, 'counting'), { good: [2, -2] });
    symlinkSync(path.join(models, owner.tenantId, 'secret'), path.join(models, 'shortcut'));
    const own = server.client(owner.token);
    const deployOwn = async (name: string) =>
      (await own.POST('/api/ai/models', { body: { model_name: name, config: { runtime: 'onnx' } } })).data!;
    expect(await deployOwn('secret')).toMatchObject({ status: 'deployed' });
    expect(await deployOwn('counting')).toMatchObject({ status: 'deployed' });
    const ask = (of: VeloFluxClient, model: string) =>
      of.POST('/api/ai/predict', { body: { model, input: 'good' } as never });
    expect((await ask(own, 'counting')).data!.output).toMatchObject({ label: 'negative' });
    expect((await ask(client, 'reviews')).data!.output).toMatchObject({ label: 'positive' });
    const foreign = ['secret', `${owner.tenantId}/secret`, `x/../${owner.tenantId}/secret`, 'shortcut'];
    for (const [i, name] of foreign.entries()) {
      const { data } = await client.POST('/api/ai/models', {
        body: { model_name: i === 0 ? name : name.slice(0, 100), config: { runtime: 'onnx' } },
      });
      expect(data).toMatchObject({
        status: 'unavailable',
        reason: `there is no directory '${name}' below DATA_DIR/models`,
      });
    }
  });

  it('never leaves the models’ folder', async () => {
    writeCountingModel(path.join(server.dataDir, 'outside'), WORDS);
    symlinkSync(path.join(server.dataDir, 'outside'), path.join(models, 'link'));
    mkdirSync(path.join(models, 'half'));
    symlinkSync(path.join(server.dataDir, 'outside', 'model.onnx'), path.join(models, 'half', 'model.onnx'));
    for (const name of ['link', 'half', 'half/../../outside'])
      expect(await deploy(name, { runtime: 'onnx' })).toMatchObject({
        status: 'unavailable',
        reason: expect.stringContaining('leads out of DATA_DIR/models'),
      });
    const sent = client.POST('/api/ai/models', {
      body: { model_name: 'x', config: { runtime: 'onnx', path: '../outside' } } as never,
    });
    expect((await sent).response.status).toBe(422);
  });
});

describe('an Ollama model', () => {
  it('that is nowhere is unavailable and answers once the server has it', async () => {
    const model = await deploy('llama3.2', { runtime: 'ollama' });
    expect(model).toMatchObject({ status: 'unavailable', reason: expect.stringContaining('no model') });
    expect((await predict('llama3.2', 'hello')).response.status).toBe(409);
    ollama.models.add('llama3.2:latest');
    const answer = await until('the model', async () => (await predict('llama3.2', 'hello')).data);
    expect(answer.output).toEqual({ text: 'llama3.2 read: hello' });
    expect(await read(model.id)).toMatchObject({ status: 'deployed', reason: null });
  });

  it('is pulled when that is asked for, with progress', async () => {
    let open!: () => void;
    ollama.pullLines = [{ status: 'pulling', digest: 'a', total: 100, completed: 40 }];
    ollama.pullGate = new Promise<void>((ok) => {
      open = ok;
    });
    ollama.linesAfterGate = [
      { status: 'pulling', digest: 'a', total: 100, completed: 100 },
      { status: 'success' },
    ];
    const model = await deploy('qwen3', { runtime: 'ollama', pull: true });
    expect(model).toMatchObject({ status: 'pulling' });
    await until('its progress', async () => (await read(model.id)).progress === 40);
    expect((await predict('qwen3', 'hello')).response.status).toBe(409);
    open();
    await until('the model', async () => (await read(model.id)).status === 'deployed');
    expect((await predict('qwen3', 'hello')).data!.output).toEqual({ text: 'qwen3 read: hello' });
  });

  it('of a server that is away: 503 and no other model answers', async () => {
    await ollama.stop();
    const { response, error } = await predict('llama3.2', 'hello');
    expect([response.status, error!.code]).toEqual([503, 'MODEL_UNAVAILABLE']);
    expect(response.headers.get('retry-after')).not.toBeNull();
    await deploy('mistral', { runtime: 'ollama' }); // never seen there
    const unseen = await predict('mistral', 'hello');
    expect([unseen.response.status, unseen.error!.code]).toEqual([503, 'MODEL_UNAVAILABLE']);
    expect(unseen.response.headers.get('retry-after')).not.toBeNull();
    await ollama.start();
  });
});
