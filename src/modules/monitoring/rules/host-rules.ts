import { Injectable, type OnModuleInit } from '@nestjs/common';
import { NodesService } from '../../cluster/index.js';
import { SettingsService } from '../../settings/index.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { HostMetricsService } from '../system/host-metrics.service.js';
import type { HostSample } from '../system/host-sampler.js';
import { Threshold } from './threshold.js';

const HOST_RESOURCES = ['cpu', 'memory', 'disk'] as const;
type HostResource = (typeof HOST_RESOURCES)[number];

const WORDS: Record<HostResource, string> = { cpu: 'CPU', memory: 'Memory', disk: 'Disk' };
/** Above this there is little left to wait for. */
const CRITICAL_PERCENT = 97;
const LEVELS = ['WARNING', 'CRITICAL'] as const;
type Level = (typeof LEVELS)[number];

/** One alert for a level of a resource of a node, however often the threshold is crossed. */
export const hostFingerprint = (resource: HostResource, node: string, level: Level = 'WARNING'): string =>
  `host_${resource}${level === 'CRITICAL' ? '_critical' : ''}:${node}`;

/** Of everything that can fire for a node. */
export const hostFingerprints = (node: string): string[] =>
  HOST_RESOURCES.flatMap((resource) => LEVELS.map((level) => hostFingerprint(resource, node, level)));

/**
 * Alerts when this machine's CPU, memory or disk use stays above the settings' thresholds, and once more when it stays
 * above 97 %. A threshold from there on makes the second alert only.
 */
@Injectable()
export class HostRules implements OnModuleInit {
  private readonly thresholds = new Map<string, Threshold>();

  constructor(
    private readonly host: HostMetricsService,
    private readonly alerts: AlertsService,
    private readonly settings: SettingsService,
    private readonly nodes: NodesService,
  ) {}

  onModuleInit(): void {
    this.host.onSample((sample) => this.check(sample));
  }

  async check(sample: HostSample): Promise<void> {
    const { alert_threshold_cpu, alert_threshold_memory, alert_threshold_disk } = this.settings.current;
    await this.checkOne('cpu', sample.cpuPercent, alert_threshold_cpu);
    await this.checkOne('memory', sample.memory.percent, alert_threshold_memory);
    await this.checkOne('disk', sample.disk.percent, alert_threshold_disk);
  }

  private async checkOne(resource: HostResource, percent: number, limit: number): Promise<void> {
    // A warning that the settings leave no room for ends as if nothing were used.
    await this.checkLevel('WARNING', resource, limit < CRITICAL_PERCENT ? percent : 0, limit);
    await this.checkLevel('CRITICAL', resource, percent, Math.max(limit, CRITICAL_PERCENT));
  }

  private async checkLevel(
    severity: Level,
    resource: HostResource,
    percent: number,
    limit: number,
  ): Promise<void> {
    const node = this.nodes.name;
    const fingerprint = hostFingerprint(resource, node, severity);
    const threshold = this.thresholds.get(fingerprint) ?? new Threshold();
    this.thresholds.set(fingerprint, threshold);
    let change = threshold.next(percent, limit);
    // the leader ends the alerts of a node that it does not hear of for a while
    if (threshold.isOver && percent > limit && !(await this.alerts.fires(fingerprint))) change = 'over';
    if (change === null) return;
    if (change === 'over')
      await this.alerts.fire({
        fingerprint,
        severity,
        component: resource.toUpperCase(),
        message: `${WORDS[resource]} use of ${node} is ${percent} %, above ${limit} %`,
        labels: { node },
      });
    else await this.alerts.resolve(fingerprint);
    threshold.settle(change);
  }
}
