import { Worker } from 'node:worker_threads';
import { type ModelFiles, ModelRefused } from './model-directory.js';
import type { OnnxMessage } from './onnx.worker.js';

const ENTRY = new URL('./onnx.worker.js', import.meta.url);
const LOAD_LIMIT_MS = 60_000;

/** One copy of a model in a thread of its own, off the event loop; one text at a time. */
export class OnnxThread {
  private readonly worker: Worker;
  private waiting: { ok: (message: OnnxMessage) => void; no: (error: unknown) => void } | null = null;
  /** It has ended and takes nothing more. */
  ended = false;

  private constructor(files: ModelFiles) {
    this.worker = new Worker(ENTRY, { workerData: files });
    this.worker.unref();
    this.worker.on('message', (message: OnnxMessage) => this.settle((w) => w.ok(message)));
    this.worker.on('error', (error) => this.end(error));
    this.worker.on('exit', () => this.end(new Error('the thread of the model ended')));
  }

  /** @throws ModelRefused with what is wrong with the files */
  static async load(files: ModelFiles): Promise<OnnxThread> {
    const thread = new OnnxThread(files);
    const message = await thread.next(AbortSignal.timeout(LOAD_LIMIT_MS)).catch((e: Error) => {
      throw new ModelRefused(`the model could not be loaded: ${e.message}`);
    });
    if (message.type === 'ready') return thread;
    await thread.stop();
    throw new ModelRefused(message.type === 'refused' ? message.reason : 'the model could not be loaded');
  }

  /**
   * @param signal ends the thread with the work in it: nothing else stops a computation that runs
   * @throws Error when the model cannot compute this text
   */
  async classify(text: string, signal: AbortSignal): Promise<Record<string, number>> {
    const answer = this.next(signal);
    this.worker.postMessage(text);
    const message = await answer;
    if (message.type === 'scores') return message.scores;
    throw new Error('reason' in message ? message.reason : 'no scores');
  }

  async stop(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }

  private next(signal: AbortSignal): Promise<OnnxMessage> {
    signal.throwIfAborted();
    return new Promise((ok, no) => {
      const abort = () => {
        void this.stop();
        this.settle((w) => w.no(signal.reason));
      };
      signal.addEventListener('abort', abort, { once: true });
      const leave =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener('abort', abort);
          then(value);
        };
      this.waiting = { ok: leave(ok), no: leave(no) };
    });
  }

  private settle(how: (waiting: NonNullable<typeof this.waiting>) => void): void {
    const { waiting } = this;
    this.waiting = null;
    if (waiting) how(waiting);
  }

  private end(error: unknown): void {
    this.ended = true;
    this.settle((w) => w.no(error));
  }
}
