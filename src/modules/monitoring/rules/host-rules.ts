import { Injectable, type OnModuleInit } from '@nestjs/common';
import { NodesService } from '../../cluster/index.js';
import { SettingsService } from '../../settings/index.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { HostMetricsService } from '../system/host-metrics.service.js';
import type { HostSample } from '../system/host-sampler.js';
import { Threshold } from './threshold.js';

export const HOST_RESOURCES = ['cpu', 'memory', 'disk'] as const;
export type HostResource = (typeof HOST_RESOURCES)[number];

const WORDS: Record<HostResource, string> = { cpu: 'CPU', memory: 'Memory', disk: 'Disk' };
/** Above this there is little left to wait for. */
const CRITICAL_PERCENT = 97;

/** One alert for a resource of a node, however often the threshold is crossed. */
export const hostFingerprint = (resource: HostResource, node: string): string => `host_${resource}:${node}`;

/** Alerts when this machine's CPU, memory or disk use stays above the settings' thresholds. */
@Injectable()
export class HostRules implements OnModuleInit {
  private readonly thresholds: Record<HostResource, Threshold> = {
    cpu: new Threshold(),
    memory: new Threshold(),
    disk: new Threshold(),
  };

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
    const threshold = this.thresholds[resource];
    const node = this.nodes.name;
    const fingerprint = hostFingerprint(resource, node);
    let change = threshold.next(percent, limit);
    // the leader ends the alerts of a node that it does not hear of for a while
    if (threshold.isOver && percent > limit && !(await this.alerts.fires(fingerprint))) change = 'over';
    if (change === null) return;
    if (change === 'over')
      await this.alerts.fire({
        fingerprint,
        severity: percent >= CRITICAL_PERCENT ? 'CRITICAL' : 'WARNING',
        component: resource.toUpperCase(),
        message: `${WORDS[resource]} use of ${node} is ${percent} %, above ${limit} %`,
        labels: { node },
      });
    else await this.alerts.resolve(fingerprint);
    threshold.settle(change);
  }
}
