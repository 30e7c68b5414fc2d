import { Injectable } from '@nestjs/common';
import { unavailable } from '../../../common/errors.js';
import { Database } from '../../../platform/database/index.js';
import { Leader } from '../../../platform/jobs/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { NodesService } from '../../cluster/index.js';
import { entryOf } from '../audit.js';
import type { CertificateRow } from '../certificate.js';
import { CertificatesRepository } from '../certificates.repository.js';
import type { KeyPairDetails } from '../key-pair.js';
import { requireServed } from '../served-names.js';
import { AcmeRepository } from './acme.repository.js';

/** Every node must answer the challenge before the authority may ask. */
const APPLIED_WITHIN_MS = 15_000;
const BY = { id: null, name: 'acme' };

/** What comes of an order, in the database and on every node. Each write is one of the leader's. */
@Injectable()
export class AcmeProgress {
  constructor(
    private readonly database: Database,
    private readonly leader: Leader,
    private readonly certificates: CertificatesRepository,
    private readonly acme: AcmeRepository,
    private readonly journal: Journal,
    private readonly nodes: NodesService,
  ) {}

  takeDue(leaseSeconds: number): Promise<CertificateRow | null> {
    return this.leader.lead((tx) => this.certificates.takeDue(tx, leaseSeconds));
  }

  /** @throws AppError 422 when a host is none of the tenant's any more */
  async requireServed({ tenant_id, hosts }: CertificateRow): Promise<void> {
    requireServed(hosts, await this.database.system((tx) => this.certificates.routeHosts(tx, tenant_id)));
  }

  /** Resolves when every node answers the challenge. @throws AppError 503 naming nodes that do not */
  async publish(
    row: CertificateRow,
    challenge: { host: string; token: string; keyAuthorization: string },
  ): Promise<void> {
    await this.leader.lead(async (tx) => {
      await this.acme.addChallenge(tx, row, challenge);
      await this.journal.touchConfiguration(tx, row.tenant_id, ['hosts']);
    });
    const version = await this.database.system((tx) => this.journal.configurationVersion(tx));
    const result = await this.nodes.waitApplied(version, APPLIED_WITHIN_MS);
    if (result.applied) return;
    const behind = result.nodes.map(({ name }) => name).join(', ');
    throw unavailable('CONFIG_NOT_APPLIED', `The challenge is not answered by every node yet: ${behind}`);
  }

  async issued(row: CertificateRow, details: KeyPairDetails, renewAt: Date): Promise<void> {
    await this.leader.lead(async (tx) => {
      await this.acme.deleteChallenges(tx, row);
      const saved = await this.certificates.saveIssued(tx, row, details, renewAt);
      if (saved) await this.journal.recordConfiguration(tx, { ...entryOf(saved, 'issued'), actor: BY });
    });
  }

  async failed(row: CertificateRow, error: string, retrySeconds: number): Promise<void> {
    await this.leader.lead(async (tx) => {
      if (await this.acme.deleteChallenges(tx, row))
        await this.journal.touchConfiguration(tx, row.tenant_id, ['hosts']);
      await this.certificates.saveFailure(tx, row, error, retrySeconds);
      await this.journal.record(tx, {
        ...entryOf(row, 'order_failed'),
        level: 'warning',
        details: { error },
        actor: BY,
      });
    });
  }
}
