import { Injectable } from '@nestjs/common';
import { exposeMetric } from '../../platform/observability/index.js';
import { DataPlaneService } from './dataplane.service.js';

/** Prometheus series of what this node's engine runs. */
@Injectable()
export class DataPlaneMetrics {
  constructor(dataPlane: DataPlaneService) {
    const expose = (name: string, help: string, read: () => number) =>
      exposeMetric(name, help, 'gauge', () => [{ labels: {}, value: read() }]);
    expose('veloflux_data_plane_up', '1 while the engine carries traffic', () =>
      dataPlane.status().running ? 1 : 0,
    );
    expose(
      'veloflux_config_version',
      'Newest configuration version that this node knows',
      () => dataPlane.status().version,
    );
    expose(
      'veloflux_config_applied_version',
      'Configuration version that this node runs',
      () => dataPlane.status().applied_version,
    );
  }
}
