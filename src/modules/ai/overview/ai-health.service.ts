import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HealthRegistry } from '../../../platform/observability/index.js';
import { BuiltinRuntime } from '../models/builtin.runtime.js';
import { ModelsService } from '../models/models.service.js';
import { type AiHealthResponse, ModelStateResponse } from './overview.dto.js';

/** Whether the models can answer; also the installation's health of `ai_engine`. */
@Injectable()
export class AiHealthService implements OnModuleInit {
  constructor(
    private readonly registry: HealthRegistry,
    private readonly models: ModelsService,
    private readonly builtin: BuiltinRuntime,
  ) {}

  onModuleInit(): void {
    this.registry.register('ai_engine', () => (this.builtin.answers() ? 'healthy' : 'unhealthy'));
  }

  /** @param detailed also the state of each model */
  async health(tenantId: string, detailed: boolean): Promise<AiHealthResponse> {
    const models = (await this.models.list(tenantId)).map(ModelStateResponse.from);
    const well = models.every(({ status }) => status !== 'unavailable');
    const status = !this.builtin.answers() ? 'unhealthy' : well ? 'healthy' : 'degraded';
    return { status, timestamp: new Date().toISOString(), ...(detailed && { models }) };
  }
}
