import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database, Notifications } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { type NodeRow, NodesService } from '../../cluster/index.js';
import { BACKEND_HEALTH } from '../../dataplane/index.js';
import { SettingsService } from '../../settings/index.js';
import { LiveBackends } from '../../telemetry/index.js';
import { AlertsRepository } from '../alerts/alerts.repository.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { type BackendInPool, BackendsInPoolsReadModel } from './backends-in-pools.read-model.js';
import { hostFingerprints } from './host-rules.js';

const EVERY_MS = 5000;
const SWEEP_MS = 3_600_000;
const ALERTS_KEPT_DAYS = 90;
/** A network that breaks takes many backends at once; the rest follows in the next pass. */
const NEW_ALERTS_A_PASS = 100;
/** Many changes of health at once are one pass. */
const COALESCE_MS = 100;

const BACKEND_DOWN = 'backend_down:';
const NODE_DOWN = 'node_down:';
const NOT_APPLIED = 'config_not_applied:';

/**
 * Rules about what all nodes see, checked by the leading one alone so that each alert fires once: backends that its
 * health checks find down, nodes that have gone silent, and nodes that do not run the newest configuration. Each pass compares what is wrong with what fires, so a
 * new leader takes over where the last one stopped.
 */
@Injectable()
export class LeaderRules implements OnApplicationBootstrap, OnModuleDestroy {
  private checking?: Periodic;
  private isDue = false;
  private sweeping?: Periodic;

  constructor(
    private readonly leader: Leader,
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly alerts: AlertsService,
    private readonly stored: AlertsRepository,
    private readonly nodes: NodesService,
    private readonly live: LiveBackends,
    private readonly backends: BackendsInPoolsReadModel,
    private readonly settings: SettingsService,
  ) {}

  onApplicationBootstrap(): void {
    this.checking = repeat('alert rules', EVERY_MS, () => this.check());
    this.notifications.on(BACKEND_HEALTH, () => this.checkSoon());
    this.sweeping = repeat('alert retention', SWEEP_MS, async () => {
      if (this.leader.isLeader)
        await this.leader.lead((tx) => this.stored.deleteResolvedBefore(tx, ALERTS_KEPT_DAYS));
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.checking?.stop();
    await this.sweeping?.stop();
  }

  async check(): Promise<void> {
    if (!this.leader.isLeader) return;
    await this.checkBackends();
    await this.checkNodes();
  }

  private checkSoon(): void {
    if (this.isDue || !this.leader.isLeader) return;
    this.isDue = true;
    setTimeout(() => {
      this.isDue = false;
      void this.checking?.runNow();
    }, COALESCE_MS).unref();
  }

  private async checkBackends(): Promise<void> {
    const fires = new Set(await this.firing(BACKEND_DOWN));
    const down = this.live
      .unhealthy()
      .filter((id) => !fires.has(id))
      .slice(0, NEW_ALERTS_A_PASS);
    if (!down.length && !fires.size) return;
    const rows = await this.database.system((tx) => this.backends.of(tx, [...fires, ...down]));
    const known = new Map(rows.map((row) => [row.id, row]));
    for (const id of down) {
      const row = known.get(id);
      if (row?.enabled) await this.alerts.fire(this.downReport(row));
    }
    for (const id of fires) {
      const row = known.get(id);
      if (!row?.enabled || !row.checked || this.live.get(id)?.health === 'healthy')
        await this.alerts.resolve(BACKEND_DOWN + id);
    }
  }

  private downReport(row: BackendInPool) {
    const isLast = row.siblings.every((id) => this.live.get(id)?.health !== 'healthy');
    const error = this.live.get(row.id)?.lastError;
    return {
      fingerprint: BACKEND_DOWN + row.id,
      severity: isLast ? ('CRITICAL' as const) : ('WARNING' as const),
      component: 'BACKEND',
      message: `Backend ${row.address} of pool '${row.pool}' is down${error ? `: ${error}` : ''}${isLast ? '; no other is healthy' : ''}`,
      tenantId: row.tenant_id,
      labels: { backend_id: row.id, pool: row.pool, address: row.address },
    };
  }

  private async checkNodes(): Promise<void> {
    const nodes = await this.nodes.list();
    const fires = new Set(await this.firing(NODE_DOWN));
    for (const node of nodes) {
      if (node.status === 'down' && !fires.has(node.id)) await this.fireNodeDown(node);
      if (!isUp(node) || !this.settings.current.monitoring_enabled) await this.resolveHostAlerts(node);
    }
    await this.checkApplied(nodes.filter(isUp));
    const down = new Set(nodes.filter((node) => node.status === 'down').map((node) => node.id));
    for (const id of fires) if (!down.has(id)) await this.alerts.resolve(NODE_DOWN + id);
  }

  private async fireNodeDown(node: NodeRow): Promise<void> {
    await this.alerts.fire({
      fingerprint: NODE_DOWN + node.id,
      severity: 'CRITICAL',
      component: 'NODE',
      message: `Node ${node.name} has not been heard of since ${node.last_seen.toISOString()}`,
      labels: { node: node.name },
    });
  }

  /** Saved but not applied must never look like success. A node that is gone applies nothing any more. */
  private async checkApplied(nodes: readonly NodeRow[]): Promise<void> {
    const fires = new Set(await this.firing(NOT_APPLIED));
    for (const node of nodes) {
      if (node.apply_error === null) continue;
      if (!fires.delete(node.id))
        await this.alerts.fire({
          fingerprint: NOT_APPLIED + node.id,
          severity: 'CRITICAL',
          component: 'DATAPLANE',
          message: `Node ${node.name} does not run the newest configuration: ${node.apply_error}`,
          labels: { node: node.name },
        });
    }
    for (const id of fires) await this.alerts.resolve(NOT_APPLIED + id);
  }

  /** A machine that is gone measures nothing any more, nor does one while monitoring is switched off. */
  private async resolveHostAlerts(node: NodeRow): Promise<void> {
    for (const fingerprint of hostFingerprints(node.name)) await this.alerts.resolve(fingerprint);
  }

  /** What comes after `prefix` in the fingerprints that fire. */
  private async firing(prefix: string): Promise<string[]> {
    const fingerprints = await this.database.system((tx) => this.stored.firingWithPrefix(tx, prefix));
    return fingerprints.map((fingerprint) => fingerprint.slice(prefix.length));
  }
}

/** A node that drains takes no new work, but measures and carries traffic until it stops. */
const isUp = ({ status }: NodeRow): boolean => status === 'active' || status === 'draining';
