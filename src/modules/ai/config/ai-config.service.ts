import { Injectable } from '@nestjs/common';
import { defined } from '../../../common/defined.js';
import { Database, type Transaction } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import type { AiConfigResponse, ConfigSection, UpdateAiConfigRequest } from './ai-config.dto.js';
import { DEFAULT_AI_CONFIG } from './ai-config.dto.js';
import { AiConfigRepository } from './ai-config.repository.js';

export type AiConfig = AiConfigResponse;
type Stored = Partial<AiConfig>;
const SECTIONS = ['models', 'training', 'forecast', 'anomalies'] as const;

/** Sent values win over the ones below, inside the sections too; what is undefined is not sent. */
function merge(below: AiConfig, sent: object): AiConfig {
  const given: Stored = defined(sent);
  const merged = { ...below, ...given };
  for (const name of SECTIONS) {
    Object.assign(merged, { [name]: { ...below[name], ...defined(given[name] ?? {}) } });
  }
  return merged;
}

/** The AI settings of each tenant. */
@Injectable()
export class AiConfigService {
  constructor(
    private readonly database: Database,
    private readonly repository: AiConfigRepository,
    private readonly journal: Journal,
  ) {}

  get(tenantId: string): Promise<AiConfig> {
    return this.database.tenant(tenantId, (tx) => this.getIn(tx, tenantId));
  }

  async getIn(tx: Transaction, tenantId: string): Promise<AiConfig> {
    return merge(DEFAULT_AI_CONFIG, await this.repository.get(tx, tenantId));
  }

  async section(tenantId: string, section?: ConfigSection): Promise<Partial<AiConfig>> {
    const config = await this.get(tenantId);
    if (section === undefined) return config;
    if (section !== 'general') return { [section]: config[section] };
    const general: Partial<AiConfig> = { ...config };
    for (const name of SECTIONS) delete general[name];
    return general;
  }

  update(tenantId: string, change: UpdateAiConfigRequest): Promise<AiConfig> {
    return this.database.tenant(tenantId, async (tx) => {
      const next = merge(await this.getIn(tx, tenantId), change);
      await this.repository.set(tx, tenantId, next);
      await this.journal.record(tx, {
        tenantId,
        action: 'ai.config_updated',
        message: `AI settings changed: ${Object.keys(change).join(', ') || 'none'}`,
        object: { type: 'ai_config', id: tenantId },
        details: { ...change },
      });
      return next;
    });
  }
}
