import type { NodesService } from '../../cluster/index.js';
import type { SettingsService } from '../../settings/index.js';
import type { AlertReport } from '../alerts/alert.js';
import type { AlertsService } from '../alerts/alerts.service.js';
import type { HostMetricsService } from '../system/host-metrics.service.js';
import type { HostSample } from '../system/host-sampler.js';
import { HostRules, hostFingerprint } from './host-rules.js';

const LIMITS = { alert_threshold_cpu: 80, alert_threshold_memory: 80, alert_threshold_disk: 90 };

describe('HostRules', () => {
  const memory = hostFingerprint('memory', 'node-1');
  let firing: Set<string>;
  let reports: string[];
  let rules: HostRules;
  let limits: typeof LIMITS;

  beforeEach(() => {
    firing = new Set();
    reports = [];
    limits = { ...LIMITS };
    const alerts = {
      fire: async ({ fingerprint, message }: AlertReport) => {
        firing.add(fingerprint);
        reports.push(message);
      },
      resolve: async (fingerprint: string) => firing.delete(fingerprint),
      fires: async (fingerprint: string) => firing.has(fingerprint),
    } as unknown as AlertsService;
    rules = new HostRules(
      {} as HostMetricsService,
      alerts,
      { current: limits } as SettingsService,
      { name: 'node-1' } as NodesService,
    );
  });

  const sample = (memoryPercent: number) =>
    rules.check({ cpuPercent: 1, memory: { percent: memoryPercent }, disk: { percent: 1 } } as HostSample);
  const samples = async (...percents: number[]) => {
    for (const percent of percents) await sample(percent);
  };

  it('fires once while a resource stays above its limit, and resolves below it', async () => {
    await samples(90, 91, 92, 93, 94);
    expect(reports).toEqual(['Memory use of node-1 is 92 %, above 80 %']);
    await samples(60, 60, 60);
    expect(firing).toEqual(new Set());
  });

  it('fires anew when its alert was ended while the resource is still above the limit', async () => {
    await samples(90, 90, 90);
    firing.clear(); // as the leader does with a node that it has not heard of
    await sample(78);
    expect(firing).toEqual(new Set());
    await sample(95);
    expect(firing).toEqual(new Set([memory]));
    expect(reports.at(-1)).toBe('Memory use of node-1 is 95 %, above 80 %');
  });

  it('fires once more when little is left, and ends each alert by itself', async () => {
    const critical = hostFingerprint('memory', 'node-1', 'CRITICAL');
    await samples(90, 90, 90, 98, 98, 98, 99);
    expect(firing).toEqual(new Set([memory, critical]));
    expect(reports.at(-1)).toBe('Memory use of node-1 is 98 %, above 97 %');
    await samples(91, 91, 91);
    expect(firing).toEqual(new Set([memory]));
    expect(reports).toHaveLength(2);
  });

  it('fires once where the threshold itself is that high', async () => {
    await samples(90, 90, 90);
    limits.alert_threshold_memory = 98;
    await samples(99, 99, 99);
    expect(firing).toEqual(new Set([hostFingerprint('memory', 'node-1', 'CRITICAL')]));
    expect(reports.at(-1)).toBe('Memory use of node-1 is 99 %, above 98 %');
  });
});
