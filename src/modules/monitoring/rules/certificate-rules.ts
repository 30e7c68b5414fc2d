import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DAY_MS } from '../../../common/durations.js';
import { Database } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { CertificatesReadModel, type ExpiringCertificate } from '../../certificates/index.js';
import { AlertsRepository } from '../alerts/alerts.repository.js';
import { AlertsService } from '../alerts/alerts.service.js';

const EVERY_MS = 30_000;
const PREFIX = 'certificate_expires:';

/** Days before the end, and the part of a short life that they are at most. */
const LEVELS = [
  { days: 30, part: 1 / 3, severity: 'WARNING' },
  { days: 7, part: 1 / 10, severity: 'CRITICAL' },
] as const;

/**
 * Alerts before a certificate ends: 30 days before, and once more 7 days before, checked by the leading node. One that
 * is renewed automatically is due at 30 days anyway, so its first alert waits until a renewal has failed. A certificate
 * that is replaced or deleted ends its alerts.
 */
@Injectable()
export class CertificateRules implements OnApplicationBootstrap, OnModuleDestroy {
  private checking?: Periodic;

  constructor(
    private readonly leader: Leader,
    private readonly database: Database,
    private readonly certificates: CertificatesReadModel,
    private readonly alerts: AlertsService,
    private readonly stored: AlertsRepository,
  ) {}

  onApplicationBootstrap(): void {
    this.checking = repeat('certificates', EVERY_MS, async () => {
      if (this.leader.isLeader) await this.check();
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.checking?.stop();
  }

  async check(now = Date.now()): Promise<void> {
    const [expiring, firing] = await this.database.system(async (tx) => [
      await this.certificates.expiring(tx, LEVELS[0].days),
      new Set(await this.stored.firingWithPrefix(tx, PREFIX)),
    ]);
    for (const certificate of expiring) {
      for (const level of LEVELS) {
        const fingerprint = `${PREFIX}${level.days}:${certificate.id}`;
        if (!isDue(certificate, level, now) || firing.delete(fingerprint)) continue;
        await this.alerts.fire({ ...reportOf(certificate), fingerprint, severity: level.severity });
      }
    }
    for (const fingerprint of firing) await this.alerts.resolve(fingerprint);
  }
}

function isDue(
  { not_before, not_after, source, acme_error }: ExpiringCertificate,
  { days, part, severity }: (typeof LEVELS)[number],
  now: number,
): boolean {
  if (source === 'acme' && severity === 'WARNING' && acme_error === null) return false;
  const life = not_after.getTime() - not_before.getTime();
  return not_after.getTime() - now <= Math.min(days * DAY_MS, life * part);
}

function reportOf({ id, tenant_id, hosts, not_after, acme_error }: ExpiringCertificate) {
  const names = hosts.slice(0, 3).join(', ') + (hosts.length > 3 ? ' …' : '');
  const verb = not_after.getTime() < Date.now() ? 'expired' : 'expires';
  return {
    component: 'CERTIFICATE',
    message: `The certificate of ${names} ${verb} on ${not_after.toISOString().slice(0, 10)}${acme_error ? `; its renewal fails: ${acme_error}` : ''}`,
    tenantId: tenant_id,
    labels: { certificate_id: id, host: hosts[0]! },
  };
}
