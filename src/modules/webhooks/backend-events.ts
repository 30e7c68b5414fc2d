import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/index.js';
import { Leader } from '../../platform/jobs/index.js';
import { Journal } from '../../platform/journal/index.js';
import { DataPlaneService, type HealthChange } from '../dataplane/index.js';

/** Tells of backends that fall ill or recover, as the leading node's data plane sees them: one voice for all nodes. */
@Injectable()
export class BackendEvents implements OnApplicationBootstrap {
  private readonly logger = new Logger('webhooks');

  constructor(
    private readonly database: Database,
    private readonly leader: Leader,
    private readonly journal: Journal,
    private readonly dataPlane: DataPlaneService,
  ) {}

  onApplicationBootstrap(): void {
    this.dataPlane.onHealthChange((change) => {
      if (!this.leader.isLeader || !isNews(change)) return;
      this.tell(change).catch((e: Error) => this.logger.warn(`${change.backendId}: ${e.message}`));
    });
  }

  private async tell({ tenantId, backendId, poolId, from, to, reason, at }: HealthChange): Promise<void> {
    await this.database.tenant(tenantId, (tx) =>
      this.journal.emit(tx, {
        tenantId,
        type: `backend.${to}`,
        data: { backend_id: backendId, pool_id: poolId, from, to, reason, at: at.toISOString() },
      }),
    );
  }
}

/** A first good check is no recovery. */
const isNews = ({ from, to }: HealthChange): boolean =>
  to === 'unhealthy' || (to === 'healthy' && from === 'unhealthy');
