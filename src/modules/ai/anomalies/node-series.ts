import { Injectable } from '@nestjs/common';
import { MINUTE_MS } from '../../../common/durations.js';
import { NodesService } from '../../cluster/index.js';
import { HostMetricsService } from '../../monitoring/index.js';
import type { StoredState } from './anomalies.repository.js';
import { FACTS, SYSTEM_METRICS } from './metrics.js';
import { LOOK_BACK_MS, type WatchedInput } from './watched-input.js';

const COLUMNS = {
  cpu: 'cpu_percent',
  memory: 'memory_percent',
  disk: 'disk_percent',
  network_rx: 'network_rx',
  network_tx: 'network_tx',
} as const;

/** Load of each machine that runs this program, means of minutes. */
@Injectable()
export class NodeSeries {
  constructor(
    private readonly nodes: NodesService,
    private readonly hosts: HostMetricsService,
  ) {}

  /** The minutes since those of `states` that are rolled up; a minute that was not measured is left out. */
  async load(states: ReadonlyMap<string, StoredState>, end: number): Promise<WatchedInput[]> {
    const active = (await this.nodes.list()).filter(({ status }) => status !== 'left');
    const inputs = await Promise.all(active.map(({ name }) => this.ofNode(name, states, end)));
    return inputs.flat();
  }

  private async ofNode(
    node: string,
    states: ReadonlyMap<string, StoredState>,
    end: number,
  ): Promise<WatchedInput[]> {
    const known = states.get(`${node}/cpu`)?.minute.getTime() ?? 0;
    const limit = Math.max(1, Math.ceil(Math.min(end - known, LOOK_BACK_MS) / MINUTE_MS));
    const rows = (await this.hosts.history(limit, 'minute', node)).filter(({ at }) => at.getTime() > known);
    const minute = rows.at(-1)?.at ?? new Date(known);
    return SYSTEM_METRICS.map((metric) => ({
      key: `${node}/${metric}`,
      metric,
      pool: null,
      node,
      minute,
      samples: rows.map((row) => {
        const value = row[COLUMNS[metric]];
        return { at: row.at.getTime(), value, noise: FACTS[metric].noise(value, 0) };
      }),
    }));
  }
}
