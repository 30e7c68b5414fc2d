import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { BackendsReadModel } from '../backends/index.js';
import { PoolsReadModel } from '../pools/index.js';
import { RoutesReadModel } from '../routes/index.js';
import type { CurrentRows } from './document.js';

const ALL = { limit: 2_000_000, offset: 0 };

/** Reads the whole routing configuration of one tenant. */
@Injectable()
export class ConfigurationReader {
  constructor(
    private readonly pools: PoolsReadModel,
    private readonly backends: BackendsReadModel,
    private readonly routes: RoutesReadModel,
  ) {}

  async read(tx: Transaction, tenantId: string): Promise<CurrentRows> {
    return {
      pools: await this.pools.find(tx, tenantId, {}, ALL),
      backends: await this.backends.find(tx, tenantId, {}),
      routes: await this.routes.find(tx, tenantId, {}, ALL),
    };
  }
}
