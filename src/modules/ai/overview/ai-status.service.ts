import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import { AiConfigService } from '../config/ai-config.service.js';
import { ModelsService } from '../models/models.service.js';
import { TrainingRepository } from '../training/training.repository.js';
import { type AiStatusResponse, ModelStateResponse } from './overview.dto.js';

/** Whether the AI works for a tenant, with its models and what is being trained. */
@Injectable()
export class AiStatusService {
  constructor(
    private readonly database: Database,
    private readonly config: AiConfigService,
    private readonly models: ModelsService,
    private readonly trainings: TrainingRepository,
  ) {}

  async status(tenantId: string): Promise<AiStatusResponse> {
    const models = (await this.models.list(tenantId)).map(ModelStateResponse.from);
    return this.database.tenant(tenantId, async (tx) => {
      const { enabled } = await this.config.getIn(tx, tenantId);
      const open = await this.trainings.countOpen(tx, tenantId);
      return { enabled, status: enabled ? 'active' : 'disabled', models, open_trainings: open };
    });
  }

  /** Of all tenants together. */
  async installation(): Promise<Pick<AiStatusResponse, 'status' | 'open_trainings'>> {
    const open = await this.database.system((tx) => this.trainings.countOpen(tx, null));
    return { status: 'active', open_trainings: open };
  }
}
