import { parentPort, workerData } from 'node:worker_threads';
import { InvalidInputError, NotEnoughDataError, TrainingStoppedError } from './errors.js';
import type { TrainingInfo } from './progress.js';
import { runTraining, type TrainedModel, type TrainingJob } from './training.js';

/** What the thread is started with. Setting `stop[0]` (of an Int32Array on the buffer) to 1 ends training. */
export interface TrainingWorkerData {
  job: TrainingJob;
  stop: SharedArrayBuffer;
}

/** What the thread posts: any number of `progress`, then one of the others. */
export type TrainingMessage =
  | { type: 'progress'; fraction: number; info: TrainingInfo }
  | { type: 'done'; model: TrainedModel }
  | { type: 'stopped' }
  | { type: 'failed'; code: 'NOT_ENOUGH_DATA' | 'INVALID_INPUT' | 'INTERNAL'; message: string };

const REPORT_EVERY_MS = 100;

function failure(error: unknown): TrainingMessage {
  if (error instanceof TrainingStoppedError) return { type: 'stopped' };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NotEnoughDataError) return { type: 'failed', code: 'NOT_ENOUGH_DATA', message };
  if (error instanceof InvalidInputError) return { type: 'failed', code: 'INVALID_INPUT', message };
  return { type: 'failed', code: 'INTERNAL', message };
}

function main({ job, stop }: TrainingWorkerData, post: (message: TrainingMessage) => void): void {
  const flag = new Int32Array(stop);
  let reported = Number.NEGATIVE_INFINITY;
  const onProgress = (fraction: number, info: TrainingInfo) => {
    const now = performance.now();
    if (now - reported < REPORT_EVERY_MS) return;
    reported = now;
    post({ type: 'progress', fraction, info });
  };
  try {
    post({
      type: 'done',
      model: runTraining(job, { onProgress, shouldStop: () => Atomics.load(flag, 0) === 1 }),
    });
  } catch (error) {
    post(failure(error));
  }
}

if (parentPort) {
  const port = parentPort;
  main(workerData as TrainingWorkerData, (message) => port.postMessage(message));
}
