import PQueue from 'p-queue';
import type { ModelFiles } from './model-directory.js';
import { OnnxThread } from './onnx-thread.js';

const IDLE_MS = 5 * 60_000;

/** The threads of one model: loaded when they are needed, ended when nobody asked for five minutes. */
export class OnnxPool {
  private readonly queue: PQueue;
  private free: OnnxThread[] = [];
  private readonly idle: NodeJS.Timeout;

  /** @param size most copies of the model at a time */
  constructor(
    private readonly files: ModelFiles,
    size: number,
    private readonly onIdle: () => void,
  ) {
    this.queue = new PQueue({ concurrency: size });
    this.idle = setTimeout(() => this.leave(), IDLE_MS).unref();
  }

  /** @throws ModelRefused, the signal's reason, or what the model says against the text */
  async classify(text: string, signal: AbortSignal): Promise<Record<string, number>> {
    this.idle.refresh();
    return (await this.queue.add(() => this.withThread((thread) => thread.classify(text, signal)))) as Record<
      string,
      number
    >;
  }

  /** Loads a copy and keeps it. @throws ModelRefused */
  async prepare(): Promise<void> {
    this.idle.refresh();
    await this.queue.add(() => this.withThread(async () => undefined));
  }

  async stop(): Promise<void> {
    clearTimeout(this.idle);
    await Promise.all(this.free.splice(0).map((thread) => thread.stop()));
  }

  private async withThread<T>(work: (thread: OnnxThread) => Promise<T>): Promise<T> {
    const thread = this.free.pop() ?? (await OnnxThread.load(this.files));
    try {
      return await work(thread);
    } finally {
      if (!thread.ended) this.free.push(thread);
    }
  }

  private leave(): void {
    if (this.queue.pending > 0) {
      this.idle.refresh();
      return;
    }
    this.onIdle();
    void this.stop();
  }
}
