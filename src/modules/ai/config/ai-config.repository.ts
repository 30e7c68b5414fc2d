import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import { AiSettings } from './ai-settings.entity.js';

@Injectable()
export class AiConfigRepository {
  async get(tx: Transaction, tenantId: string): Promise<Record<string, unknown>> {
    const settings = await tx.getRepository(AiSettings).findOneBy({ tenant_id: tenantId });
    return settings?.values ?? {};
  }

  async set(tx: Transaction, tenantId: string, values: object): Promise<void> {
    await tx.query(
      `INSERT INTO ai_config (tenant_id, values) VALUES ($1, $2)
       ON CONFLICT (tenant_id) DO UPDATE SET values = $2`,
      [tenantId, JSON.stringify(values)],
    );
  }
}
