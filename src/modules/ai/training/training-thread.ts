import { Worker } from 'node:worker_threads';
import type {
  TrainedModel,
  TrainingInfo,
  TrainingJob,
  TrainingMessage,
  TrainingWorkerData,
} from '../core/index.js';

const ENTRY = new URL('../core/training.worker.js', import.meta.url);

export type TrainingOutcome =
  | { status: 'completed'; model: TrainedModel }
  | { status: 'stopped' }
  | { status: 'failed'; code: 'NOT_ENOUGH_DATA' | 'INVALID_INPUT' | 'INTERNAL'; message: string };

/** One training in a thread of its own, off the event loop. */
export class TrainingThread {
  private readonly stopFlag = new SharedArrayBuffer(4);
  readonly outcome: Promise<TrainingOutcome>;

  constructor(job: TrainingJob, onProgress: (fraction: number, info: TrainingInfo) => void) {
    const worker = new Worker(ENTRY, {
      workerData: { job, stop: this.stopFlag } satisfies TrainingWorkerData,
    });
    this.outcome = new Promise((ok, no) => {
      worker.on('message', (message: TrainingMessage) => {
        if (message.type === 'progress') return onProgress(message.fraction, message.info);
        if (message.type === 'done') ok({ status: 'completed', model: message.model });
        else if (message.type === 'stopped') ok({ status: 'stopped' });
        else ok({ status: 'failed', code: message.code, message: message.message });
      });
      worker.once('error', no);
      worker.once('exit', (code) => no(new Error(`the training thread ended with ${code}`)));
    });
  }

  /** The model looks at the flag many times a second. */
  stop(): void {
    Atomics.store(new Int32Array(this.stopFlag), 0, 1);
  }
}
