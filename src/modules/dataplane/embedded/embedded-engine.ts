import {
  type DataPlaneEngine,
  type EngineHealth,
  type EngineStats,
  type HealthChange,
  SnapshotRefused,
  type TelemetryBatch,
} from '../engine.js';
import type { Snapshot } from '../snapshot.js';
import { Configuration } from './config/configuration.js';
import { HealthChecker } from './health/health-checker.js';
import { HttpFront } from './http/http-front.js';
import { type EmbeddedEngineOptions, type EngineLimits, limitsOf } from './options.js';
import type { Backend } from './pools/backend.js';
import { ReverseProxy } from './proxy/reverse-proxy.js';
import type { Tunnel } from './proxy/tunnel.js';
import { Router } from './routing/router.js';
import { Telemetry } from './telemetry/telemetry.js';
import { CertificateStore } from './tls/certificate-store.js';
import { ChallengeAnswers } from './tls/challenge-answers.js';

const now = (): number => performance.now();
const warn = (error: unknown): void => process.emitWarning(error instanceof Error ? error : String(error));

/** The data plane inside this process: an HTTP/1.1 reverse proxy on sockets, with node:http for what is not plain. */
export class EmbeddedEngine implements DataPlaneEngine {
  readonly kind = 'embedded';
  private readonly limits: EngineLimits;
  private readonly router = new Router();
  private readonly backends = new Map<string, Backend>();
  private readonly tunnels = new Set<Tunnel>();
  private readonly listeners: ((change: HealthChange) => void)[] = [];
  private readonly telemetry: Telemetry;
  private readonly checker: HealthChecker;
  private readonly configuration: Configuration;
  private readonly front: HttpFront;
  /** The TLS door, null where there is none. */
  private readonly secureFront: HttpFront | null = null;
  private readonly fronts: readonly HttpFront[];
  private version = 0;
  private lastError: string | null = null;
  private running = false;
  private stopping = false;
  private stopped: Promise<void> | null = null;

  constructor(private readonly options: EmbeddedEngineOptions) {
    const random = options.random ?? Math.random;
    this.limits = limitsOf(options);
    this.telemetry = new Telemetry(random);
    this.checker = new HealthChecker({
      concurrency: this.limits.healthConcurrency,
      startsPerSecond: this.limits.healthStartsPerSecond,
      random,
      onResult: (backend, result) => backend.pool.checked(backend, result),
    });
    const certificates = new CertificateStore(options.defaultCertificate ?? null);
    const challenges = new ChallengeAnswers();
    this.configuration = new Configuration(
      this.router,
      this.telemetry,
      {
        now,
        random,
        checker: this.checker,
        backends: this.backends,
        onHealthChange: (change) => {
          for (const listener of this.listeners) listener(change);
        },
      },
      { certificates, challenges, httpsPort: () => options.publicHttpsPort ?? this.httpsPort },
    );
    const proxy = new ReverseProxy(
      this.router,
      {
        limits: this.limits,
        now,
        random,
        telemetry: this.telemetry,
        stopping: () => this.stopping,
        tunnels: this.tunnels,
      },
      challenges,
    );
    const { onError = warn, fastPath = true } = options;
    const front = { limits: this.limits, handle: proxy.handle, onError, fastPath };
    this.front = new HttpFront({ ...front, certificates: null });
    if (typeof options.httpsPort === 'number') this.secureFront = new HttpFront({ ...front, certificates });
    this.fronts = this.secureFront ? [this.front, this.secureFront] : [this.front];
  }

  async start(): Promise<void> {
    const { host, httpPort, httpsPort } = this.options;
    await this.front.listen(host, httpPort);
    await this.secureFront?.listen(host, httpsPort!);
    this.running = true;
  }

  /**
   * Takes effect before it returns control, in one turn of the event loop: calls cannot overlap. A snapshot that is
   * not newer than the one in effect is ignored.
   */
  async apply(snapshot: Snapshot): Promise<void> {
    if (this.stopping) throw new SnapshotRefused('the engine is stopping');
    if (snapshot.version <= this.version) return;
    try {
      this.configuration.apply(snapshot);
    } catch (error) {
      this.lastError = error instanceof Error ? error.message : String(error);
      throw error;
    }
    this.version = snapshot.version;
    this.lastError = null;
  }

  health(): EngineHealth {
    const { running, version, lastError } = this;
    return { running, version, lastError, ports: { http: this.front.port, https: this.httpsPort } };
  }

  stats(): EngineStats {
    return {
      backends: new Map([...this.backends].map(([id, backend]) => [id, backend.stats()])),
      openConnections: this.fronts.reduce((sum, front) => sum + front.openConnections, 0),
      requestsInFlight: this.fronts.reduce((sum, front) => sum + front.requestsInFlight, 0),
    };
  }

  drainTelemetry(): TelemetryBatch {
    return this.telemetry.drain();
  }

  onHealthChange(listener: (change: HealthChange) => void): void {
    this.listeners.push(listener);
  }

  stop(deadlineMs: number): Promise<void> {
    this.stopped ??= this.shutDown(deadlineMs);
    return this.stopped;
  }

  private get httpsPort(): number | null {
    return this.secureFront?.port ?? null;
  }

  private async shutDown(deadlineMs: number): Promise<void> {
    this.stopping = true;
    this.checker.stop();
    const deadline = setTimeout(() => {
      for (const tunnel of this.tunnels) tunnel.destroy();
      for (const front of this.fronts) front.destroy();
    }, deadlineMs);
    await Promise.all(this.fronts.map((front) => front.drain()));
    clearTimeout(deadline);
    this.configuration.clear();
    this.running = false;
  }
}
