import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Channels } from '../../../platform/realtime/index.js';
import { AnomalyResponse } from '../anomalies/anomalies.dto.js';
import { AnomaliesService } from '../anomalies/anomalies.service.js';
import type { AiState } from './ai-frames.dto.js';
import { AiStatusService } from './ai-status.service.js';

const LASTING = 10;

/** The channel `ai`: state of the models, trainings and anomalies; what happens in between comes as events of its own. */
@Injectable()
export class AiChannel implements OnModuleInit {
  constructor(
    private readonly channels: Channels,
    private readonly status: AiStatusService,
    private readonly anomalies: AnomaliesService,
  ) {}

  onModuleInit(): void {
    this.channels.define({
      name: 'ai',
      summary: 'Models, trainings (`ai_training`) and anomalies (`ai_anomaly`)',
      access: 'ai.read',
      scope: 'tenant',
      state: (view) => this.state(view),
    });
  }

  private async state(view: string | null): Promise<AiState> {
    const lasting = await this.anomalies.lasting(view, LASTING);
    const anomalies = lasting.map((row) => {
      const { around: _, ...rest } = AnomalyResponse.from(row);
      return rest;
    });
    const status = view === null ? await this.status.installation() : await this.status.status(view);
    return { ...status, anomalies };
  }
}
