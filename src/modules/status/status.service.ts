import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { formatUptime } from '../../common/durations.js';
import { PRODUCT_VERSION } from '../../common/version.js';
import { Database } from '../../platform/database/index.js';
import { HealthRegistry } from '../../platform/observability/index.js';
import { RedisRateLimitStorage } from '../../platform/security/index.js';
import { DataPlaneService } from '../dataplane/index.js';
import type { ComponentsResponse, HealthResponse, StatusResponse } from './status.dto.js';

/** Without these nothing works; the others are reported only. */
const NEEDED = ['database', 'load_balancer'] as const;

/** What the installation is and how it does; answers without a token say nothing of a tenant. */
@Injectable()
export class StatusService implements OnModuleInit {
  constructor(
    private readonly registry: HealthRegistry,
    private readonly database: Database,
    private readonly dataPlane: DataPlaneService,
    @Inject(ThrottlerStorage) private readonly limits: ThrottlerStorage,
  ) {}

  onModuleInit(): void {
    this.registry.register('database', async () => {
      await this.database.ping();
      return 'healthy' as const;
    });
    this.registry.register('redis', () => {
      if (!(this.limits instanceof RedisRateLimitStorage)) return 'not_configured';
      return this.limits.healthy ? 'healthy' : 'unhealthy';
    });
    this.registry.register('load_balancer', () =>
      this.dataPlane.status().running ? 'healthy' : 'unhealthy',
    );
  }

  async health(): Promise<HealthResponse> {
    const components: ComponentsResponse = {
      database: 'unhealthy',
      redis: 'not_configured',
      load_balancer: 'unhealthy',
      ai_engine: 'not_configured',
      ...(await this.registry.states()),
    };
    return {
      status: this.overall(components),
      timestamp: new Date().toISOString(),
      version: PRODUCT_VERSION,
      uptime: formatUptime(process.uptime()),
      components,
    };
  }

  async status(): Promise<StatusResponse> {
    return { ...(await this.health()), data_plane: this.dataPlane.status() };
  }

  private overall(components: ComponentsResponse): HealthResponse['status'] {
    if (this.registry.draining) return 'draining';
    return NEEDED.every((name) => components[name] === 'healthy') ? 'healthy' : 'unhealthy';
  }
}
