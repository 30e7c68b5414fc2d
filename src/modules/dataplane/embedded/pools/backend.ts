import type { BackendStats } from '../../engine.js';
import type { BackendConfig } from '../../snapshot.js';
import { BackendLoad } from '../balancing/backend-load.js';
import type { Candidate } from '../balancing/balancer.js';
import { hashString } from '../balancing/hash.js';
import { HealthTracker } from '../health/health-tracker.js';
import { PassiveEjection } from '../health/passive-ejection.js';
import { SocketUpstream } from '../transport/socket-upstream.js';
import type { Upstream } from '../transport/upstream.js';
import type { Pool } from './pool.js';
import { stickyToken } from './sticky.js';

/** One upstream server at run time. It outlives snapshots as long as its id, host and port stay. */
export class Backend implements Candidate {
  readonly id: string;
  readonly idHash: number;
  readonly load: BackendLoad;
  readonly health = new HealthTracker();
  readonly ejection = new PassiveEjection();
  weight: number;
  lastError: string | null = null;
  /** Whether the pool's usable list holds it, kept by the pool. */
  usable = false;
  readmission: NodeJS.Timeout | null = null;
  private connections: Upstream | null = null;
  private retired = false;
  private token: string | null = null;

  constructor(
    readonly pool: Pool,
    public config: BackendConfig,
    now: number,
  ) {
    this.id = config.id;
    this.idHash = hashString(config.id);
    this.weight = config.weight;
    this.load = new BackendLoad(now);
  }

  /** Value of the sticky cookie that leads here; made when it is first needed. */
  get stickyToken(): string {
    this.token ??= stickyToken(this.id);
    return this.token;
  }

  /** Connections are made when the first request needs them. */
  get upstream(): Upstream {
    this.connections ??= new SocketUpstream({
      host: this.config.host,
      port: this.config.port,
      allowPrivate: this.config.allowPrivate ?? true,
      connectTimeoutMs: () => this.pool.config.connectTimeoutMs,
    });
    return this.connections;
  }

  update(config: BackendConfig): void {
    this.config = config;
    this.weight = config.weight;
  }

  /** One request or WebSocket connection less; the last one of a removed backend closes its connections. */
  release(): void {
    this.load.inFlight--;
    if (this.retired && this.load.inFlight === 0) this.connections?.close();
  }

  /** Taken out of the configuration: what is in flight finishes. */
  retire(): void {
    this.retired = true;
    if (this.readmission) clearTimeout(this.readmission);
    if (this.load.inFlight === 0) this.connections?.close();
  }

  stats(): BackendStats {
    return {
      backendId: this.id,
      health: this.health.state,
      connections: this.load.inFlight,
      responseTimeMs: this.load.responseTime.value,
      lastCheckAt: this.health.lastCheckAt,
      lastError: this.lastError,
      ejected: this.ejection.ejected,
    };
  }
}
