import { Injectable } from '@nestjs/common';
import type { BackendStats } from '../../common/traffic.js';

/** What this node's engine knows of each backend right now; backends that it does not run have no entry. */
@Injectable()
export class LiveBackends {
  private stats: ReadonlyMap<string, BackendStats> = new Map();

  set(stats: ReadonlyMap<string, BackendStats>): void {
    this.stats = stats;
  }

  get(backendId: string): BackendStats | undefined {
    return this.stats.get(backendId);
  }

  /** Ids of the backends that are down. */
  unhealthy(): string[] {
    return [...this.stats.values()].filter((s) => s.health === 'unhealthy').map((s) => s.backendId);
  }
}
