import type { ComponentState } from '../../platform/observability/index.js';
import { DataPlaneStatusResponse } from '../dataplane/index.js';

export class RootResponse {
  /** @example "VeloFlux API is running" */
  status: string;
  /** @example 1.1.0 */
  version: string;
  /** @example /api/docs */
  documentation: string;
}

export class VersionResponse {
  /** @example 1.1.0 */
  version: string;
  /** @example v20.20.2 */
  node_version: string;
}

export class ComponentsResponse {
  /** @example healthy */
  database: ComponentState;
  /** @example not_configured */
  redis: ComponentState;
  /** @example healthy */
  load_balancer: ComponentState;
  /** @example healthy */
  ai_engine: ComponentState;
}

export class HealthResponse {
  /**
   * `unhealthy` comes with status 503: a part that the product needs is down. `draining`: the node is about to stop.
   * @example healthy
   */
  status: 'healthy' | 'unhealthy' | 'draining';
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /** @example 1.1.0 */
  version: string;
  /** @example 72h30m15s */
  uptime: string;
  components: ComponentsResponse;
}

export class StatusResponse extends HealthResponse {
  data_plane: DataPlaneStatusResponse;
}
