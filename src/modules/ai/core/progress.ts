import { TrainingStoppedError } from './errors.js';

/** What a caller may listen to and set while a model trains. */
export interface TrainingHooks {
  /** Called with the share of the work done, 0 to 1, and where in the work that is. */
  onProgress?: (fraction: number, info: TrainingInfo) => void;
  /** Asked many times a second; training ends with a {@link TrainingStoppedError} once it answers true. */
  shouldStop?: () => boolean;
}

/** Where training is. */
export interface TrainingInfo {
  /** `hold-out` (measuring), `final` (fitting on all data) or the like. */
  stage: string;
  /** What is being fitted. */
  model: string;
  /** Epoch or boosting round, from 1, and how many there will be. */
  epoch: number;
  epochs: number;
  /** Training loss in the units of the model, where it is known. */
  loss: number | null;
}

/** One part of the whole work: maps its own 0..1 to a span of the total and carries the stop flag. */
export class Progress {
  constructor(
    private readonly hooks: TrainingHooks,
    private readonly from = 0,
    private readonly to = 1,
    private readonly stage = 'training',
  ) {}

  /** A span of this part, `from` and `to` within 0..1. */
  part(from: number, to: number, stage = this.stage): Progress {
    const width = this.to - this.from;
    return new Progress(this.hooks, this.from + width * from, this.from + width * to, stage);
  }

  /** Reports one finished epoch or round. */
  report(model: string, epoch: number, epochs: number, loss: number | null = null): void {
    this.checkStop();
    const fraction = this.from + ((this.to - this.from) * epoch) / epochs;
    this.hooks.onProgress?.(fraction, { stage: this.stage, model, epoch, epochs, loss });
  }

  /** @throws TrainingStoppedError when the caller asked to stop */
  checkStop(): void {
    if (this.hooks.shouldStop?.()) throw new TrainingStoppedError();
  }
}
