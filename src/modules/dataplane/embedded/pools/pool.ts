import type { HealthChange } from '../../engine.js';
import type { BackendConfig, HealthState, PoolConfig } from '../../snapshot.js';
import type { Balancer, PickRequest } from '../balancing/balancer.js';
import { createBalancer } from '../balancing/create-balancer.js';
import type { HealthChecker } from '../health/health-checker.js';
import type { ProbeResult } from '../health/probe.js';
import { Backend } from './backend.js';
import { stickyCookieName } from './sticky.js';

/** What pools share with the engine. */
export interface PoolContext {
  /** Monotonic clock, ms. */
  readonly now: () => number;
  readonly random: () => number;
  readonly checker: HealthChecker;
  readonly onHealthChange: (change: HealthChange) => void;
  /** Live backends by id. */
  readonly backends: Map<string, Backend>;
}

/** One pool at run time: its backends, its algorithm, and which backends may be used now. */
export class Pool {
  readonly stickyCookieName: string;
  private members: Backend[] = [];
  private balancer: Balancer;
  private usable: Backend[] | null = null;

  constructor(
    readonly tenantId: string,
    public config: PoolConfig,
    private readonly context: PoolContext,
  ) {
    this.stickyCookieName = stickyCookieName(config.id);
    this.balancer = createBalancer(config.algorithm, context.random);
    this.reconcile(config.backends);
  }

  /** Puts a new configuration into effect; backends that stay keep their state and connections. */
  update(config: PoolConfig): void {
    if (config === this.config) return;
    const before = this.config;
    this.config = config;
    if (config.algorithm !== before.algorithm) {
      this.balancer = createBalancer(config.algorithm, this.context.random);
    }
    this.reconcile(config.backends);
  }

  retire(): void {
    for (const backend of this.members) this.remove(backend);
    this.members = [];
    this.usable = null;
  }

  /** A backend for the request that is not among `tried`, or null when there is none. */
  pick(request: PickRequest, tried: readonly Backend[]): Backend | null {
    let candidates = this.candidates();
    if (tried.length > 0) candidates = candidates.filter((backend) => !tried.includes(backend));
    return candidates.length === 0 ? null : this.balancer.pick(candidates, request);
  }

  /** The usable backend that a sticky cookie names, or null. */
  byStickyToken(token: string): Backend | null {
    return this.candidates().find((backend) => backend.stickyToken === token) ?? null;
  }

  started(backend: Backend, now: number): void {
    backend.load.inFlight++;
    this.balancer.onStart?.(backend, now);
  }

  /** A response head came. 502, 503 and 504 count for ejection, every 5xx for the algorithms. */
  answered(backend: Backend, status: number, latencyMs: number, now: number): void {
    backend.load.responseTime.add(latencyMs, now);
    if (status >= 500) this.balancer.onFailure?.(backend, latencyMs, now);
    else this.balancer.onResponse?.(backend, latencyMs, now);
    if (status >= 502 && status <= 504) {
      this.strike(backend, `HTTP ${status}`);
    } else {
      backend.ejection.succeeded(now);
      if (backend.lastError !== null && backend.health.state !== 'unhealthy') backend.lastError = null;
    }
  }

  /** No valid response head came: connection failure, broken answer or timeout. */
  failed(backend: Backend, reason: string, latencyMs: number, now: number): void {
    this.balancer.onFailure?.(backend, latencyMs, now);
    this.strike(backend, reason);
  }

  checked(backend: Backend, result: ProbeResult): void {
    const from = backend.health.state;
    const to = backend.health.record(result.good, backend.config.healthCheck);
    backend.lastError = result.good ? null : result.reason;
    if (result.good && backend.ejection.ejected) this.readmit(backend);
    if (from !== to)
      this.healthChanged(backend, from, to, result.good ? 'health check passed' : result.reason);
  }

  /** The backends that may be used now. Ejected ones only when nothing else is left. */
  private candidates(): Backend[] {
    this.usable ??= this.rebuild();
    return this.usable;
  }

  private rebuild(): Backend[] {
    const available = this.members.filter(
      ({ config, health }) => config.adminState === 'enabled' && health.state !== 'unhealthy',
    );
    const unejected = available.filter((backend) => !backend.ejection.ejected);
    const usable = unejected.length > 0 ? unejected : available;
    const now = this.context.now();
    for (const backend of this.members) {
      const isUsable = usable.includes(backend);
      if (isUsable && !backend.usable) backend.load.usableSince = now;
      backend.usable = isUsable;
    }
    return usable;
  }

  private strike(backend: Backend, reason: string): void {
    backend.lastError = reason;
    if (!backend.ejection.failed()) return;
    const candidates = this.candidates();
    if (!candidates.includes(backend) || candidates.length < 2) return;
    const duration = backend.ejection.eject();
    this.usable = null;
    backend.readmission = setTimeout(() => this.readmit(backend), duration);
    backend.readmission.unref();
  }

  private readmit(backend: Backend): void {
    if (backend.readmission) clearTimeout(backend.readmission);
    backend.readmission = null;
    backend.ejection.readmit(this.context.now());
    this.usable = null;
  }

  private reconcile(configs: readonly BackendConfig[]): void {
    const old = new Map(this.members.map((backend) => [backend.id, backend]));
    const members: Backend[] = [];
    for (const config of configs) {
      const existing = old.get(config.id);
      if (existing && existing.config.host === config.host && existing.config.port === config.port) {
        old.delete(config.id);
        this.change(existing, config);
        members.push(existing);
      } else {
        members.push(this.add(config));
      }
    }
    for (const backend of old.values()) this.remove(backend);
    this.members = members;
    this.usable = null;
  }

  private add(config: BackendConfig): Backend {
    const backend = new Backend(this, config, this.context.now());
    this.context.backends.set(backend.id, backend);
    if (isChecked(config)) this.context.checker.watch(backend);
    return backend;
  }

  private change(backend: Backend, config: BackendConfig): void {
    const before = backend.config;
    if (before === config) return;
    backend.update(config);
    if (sameChecks(before, config)) return;
    if (isChecked(config)) this.context.checker.watch(backend);
    else this.stopChecking(backend);
  }

  private stopChecking(backend: Backend): void {
    this.context.checker.unwatch(backend);
    const from = backend.health.state;
    backend.health.reset();
    backend.lastError = null;
    if (from !== 'unknown') this.healthChanged(backend, from, 'unknown', 'health checks are off');
  }

  private remove(backend: Backend): void {
    this.context.checker.unwatch(backend);
    if (this.context.backends.get(backend.id) === backend) this.context.backends.delete(backend.id);
    backend.retire();
  }

  private healthChanged(backend: Backend, from: HealthState, to: HealthState, reason: string): void {
    this.usable = null;
    const { tenantId } = this;
    const change = {
      tenantId,
      poolId: this.config.id,
      backendId: backend.id,
      from,
      to,
      reason,
      at: new Date(),
    };
    this.context.onHealthChange(change);
  }
}

function isChecked({ adminState, healthCheck }: BackendConfig): boolean {
  return healthCheck.enabled && adminState !== 'disabled';
}

function sameChecks(a: BackendConfig, b: BackendConfig): boolean {
  const x = a.healthCheck;
  const y = b.healthCheck;
  return (
    isChecked(a) === isChecked(b) &&
    x.path === y.path &&
    x.intervalMs === y.intervalMs &&
    x.timeoutMs === y.timeoutMs &&
    x.expectedStatus === y.expectedStatus &&
    x.rise === y.rise &&
    x.fall === y.fall
  );
}
