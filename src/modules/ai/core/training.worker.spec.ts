import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { compileTo } from '../../../../test/support/compile-to.js';
import { forecast } from './forecast/index.js';
import type { ForecastModel } from './forecast/model.js';
import type { TrainingJob } from './training.js';
import type { TrainingMessage } from './training.worker.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ai-core-'));
  const sources = join(__dirname, '../../..');
  for (const folder of ['common', 'modules/ai/core'])
    compileTo(join(sources, folder), join(directory, folder));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function wave(length: number): TrainingJob {
  const values = Array.from({ length }, (_, i) => 100 + 50 * Math.sin((2 * Math.PI * i) / 288));
  return { kind: 'forecast', series: { startMs: 0, stepMs: 300_000, values } };
}

/** Runs a job in a thread; `onProgress` gets each report and the flag that stops it. */
function inThread(
  job: TrainingJob,
  onProgress: (flag: Int32Array) => void = () => undefined,
): Promise<TrainingMessage[]> {
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(join(directory, 'modules/ai/core/training.worker.js'), {
    workerData: { job, stop },
  });
  const messages: TrainingMessage[] = [];
  worker.on('message', (message: TrainingMessage) => {
    messages.push(message);
    if (message.type === 'progress') onProgress(new Int32Array(stop));
  });
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', () => resolve(messages));
  });
}

describe('training in a worker thread', () => {
  it('posts a model that can forecast', async () => {
    const job = wave(400) as Extract<TrainingJob, { kind: 'forecast' }>;
    const messages = await inThread({ ...job, options: { modelType: 'linear_regression', horizon: 3 } });
    const last = messages.at(-1) as Extract<TrainingMessage, { type: 'done' }>;
    expect(last.type).toBe('done');
    expect(forecast(last.model as ForecastModel, [], 3)).toHaveLength(3);
  });

  it('ends with "stopped" once the flag is set, long before its epochs are over', async () => {
    const job = { ...wave(2000), options: { modelType: 'neural_network', epochs: 1_000_000 } } as TrainingJob;
    const messages = await inThread(job, (flag) => Atomics.store(flag, 0, 1));
    expect(messages.at(-1)).toEqual({ type: 'stopped' });
    expect(messages.filter(({ type }) => type === 'progress').length).toBeGreaterThan(0);
  });

  it('says why it failed', async () => {
    expect(await inThread(wave(20))).toEqual([
      {
        type: 'failed',
        code: 'NOT_ENOUGH_DATA',
        message: 'not enough data: 60 samples are needed, 20 are there',
      },
    ]);
    expect(await inThread({ kind: 'sentiment', rows: [] })).toEqual([
      expect.objectContaining({ type: 'failed', code: 'NOT_ENOUGH_DATA' }),
    ]);
  });
});
