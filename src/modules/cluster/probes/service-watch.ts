import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Environment } from '../../../platform/config/environment.js';
import { type Periodic, repeat } from '../../../platform/jobs/index.js';
import { type DaskFigures, DaskProbe } from './dask.probe.js';
import { type OllamaFigures, OllamaProbe } from './ollama.probe.js';
import type { ProbeReading } from './service-probe.js';
import { WebUiProbe } from './webui.probe.js';

const EVERY_MS = 5000;

/** The services of the AI cluster, as this node last found them. */
export interface ServiceReadings {
  readonly ollama: ProbeReading<OllamaFigures>;
  readonly dask: ProbeReading<DaskFigures>;
  readonly webui: ProbeReading<null>;
}

/** Asks Ollama, Dask and Open WebUI how they are, every five seconds, never on the path of a request. */
@Injectable()
export class ServiceWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly ollama: OllamaProbe;
  private readonly dask: DaskProbe;
  private readonly webui: WebUiProbe;
  private periodic?: Periodic;
  private firstCheck: Promise<void> = Promise.resolve();

  constructor({ OLLAMA_URL, DASK_SCHEDULER_URL, WEBUI_URL }: Environment) {
    this.ollama = new OllamaProbe(OLLAMA_URL);
    this.dask = new DaskProbe(DASK_SCHEDULER_URL);
    this.webui = new WebUiProbe(WEBUI_URL);
  }

  onApplicationBootstrap(): void {
    this.firstCheck = this.check();
    this.periodic = repeat('services', EVERY_MS, () => this.check());
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic?.stop();
  }

  /** What the last checks found. */
  readings(): ServiceReadings {
    return { ollama: this.ollama.reading(), dask: this.dask.reading(), webui: this.webui.reading() };
  }

  /** Resolves once each service was asked, at most 1.5 s after the start. */
  async ready(): Promise<void> {
    await this.firstCheck;
  }

  private async check(): Promise<void> {
    await Promise.all([this.ollama.check(), this.dask.check(), this.webui.check()]);
  }
}
