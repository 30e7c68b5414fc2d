import { Injectable } from '@nestjs/common';
import { invalidField } from '../../common/errors.js';
import { newId } from '../../common/ids.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Environment } from '../../platform/config/environment.js';
import { Database, Notifications, type Transaction, together } from '../../platform/database/index.js';
import { checkIfMatch } from '../../platform/http/index.js';
import { Journal } from '../../platform/journal/index.js';
import { normaliseHost } from '../routes/index.js';
import { ORDER_DUE } from './acme/order-due.js';
import { entryOf } from './audit.js';
import type { CertificateRow } from './certificate.js';
import type { CreateCertificateRequest, ReplaceCertificateRequest } from './certificates.dto.js';
import {
  acmeNotConfigured,
  certificateNotFound,
  hostsRefused,
  managedByAcme,
  notManagedByAcme,
  tooManyCertificates,
} from './certificates.errors.js';
import { CertificatesRepository } from './certificates.repository.js';
import { type KeyPairDetails, readKeyPair, requireServable } from './key-pair.js';
import { coversHost, requireServed, servedNames } from './served-names.js';

const MOST_OF_A_TENANT = 200;

/** The certificates of a tenant's hosts: handed over by people or ordered from a certificate authority. */
@Injectable()
export class CertificatesService {
  constructor(
    private readonly database: Database,
    private readonly certificates: CertificatesRepository,
    private readonly journal: Journal,
    private readonly notifications: Notifications,
    private readonly environment: Environment,
  ) {}

  list(tenantId: string, filter: { host?: string }, request: PageRequest): Promise<Page<CertificateRow>> {
    const host = filter.host === undefined ? undefined : (normaliseHost(filter.host) ?? filter.host);
    return this.database.tenant(tenantId, (tx) => this.certificates.page(tx, tenantId, { host }, request));
  }

  get(tenantId: string, id: string): Promise<CertificateRow> {
    return this.database.tenant(tenantId, async (tx) => {
      const row = await this.certificates.get(tx, tenantId, id);
      if (!row) throw certificateNotFound(id);
      return row;
    });
  }

  /** @throws AppError 403 at the limit, 409 without a certificate authority, 422 for what cannot be served */
  async create(tenantId: string, request: CreateCertificateRequest): Promise<CertificateRow> {
    return request.acme ? this.order(tenantId, request) : this.upload(tenantId, uploadOf(request));
  }

  /** @throws AppError 404, 409 for one that is renewed automatically, 412, 422 as `create` */
  async replace(
    tenantId: string,
    id: string,
    request: ReplaceCertificateRequest,
    ifMatch: number[] | null,
  ): Promise<CertificateRow> {
    return this.database.tenant(tenantId, async (tx) => {
      // What is asked of the database comes first: it looks while OpenSSL reads the pair.
      const [row, routeHosts, details] = await together(
        this.locked(tx, tenantId, id, ifMatch),
        this.certificates.routeHosts(tx, tenantId),
        read(request),
      );
      if (row.source === 'acme') throw managedByAcme();
      const hosts = hostsOf(request.hosts, details, routeHosts);
      const [saved] = await together(
        this.certificates.replaceUpload(tx, row, hosts, details),
        this.record(tx, issuedWith(row, hosts, details), 'replaced'),
        check(details),
      );
      return saved;
    });
  }

  async delete(tenantId: string, id: string, ifMatch: number[] | null): Promise<void> {
    await this.database.tenant(tenantId, async (tx) => {
      const row = await this.locked(tx, tenantId, id, ifMatch);
      await this.certificates.delete(tx, row);
      await this.record(tx, row, 'deleted');
    });
  }

  /** Orders an automatic one anew, at once. @throws AppError 404, 409 for an uploaded one */
  renew(tenantId: string, id: string): Promise<CertificateRow> {
    return this.database.tenant(tenantId, async (tx) => {
      const row = await this.locked(tx, tenantId, id, null);
      if (row.source !== 'acme') throw notManagedByAcme();
      if (!this.environment.ACME_DIRECTORY_URL) throw acmeNotConfigured();
      const due = await this.certificates.makeDue(tx, row);
      await this.journal.record(tx, entryOf(row, 'renewal_ordered'));
      await this.notifications.publish(tx, ORDER_DUE, {});
      return due;
    });
  }

  private upload(tenantId: string, request: ReplaceCertificateRequest): Promise<CertificateRow> {
    const details = readKeyPair(request.certificate, request.private_key);
    requireServable(details);
    return this.database.tenant(tenantId, async (tx) => {
      await this.requireRoom(tx, tenantId);
      const hosts = hostsOf(request.hosts, details, await this.certificates.routeHosts(tx, tenantId));
      const row = await this.certificates.insertUpload(tx, { id: newId('cert'), tenantId, hosts }, details);
      await this.record(tx, row, 'uploaded');
      return row;
    });
  }

  private order(tenantId: string, request: CreateCertificateRequest): Promise<CertificateRow> {
    for (const field of ['certificate', 'private_key'] as const)
      if (request[field] !== undefined)
        throw invalidField(field, 'isEmpty', `${field} must not come with acme`);
    if (!this.environment.ACME_DIRECTORY_URL) throw acmeNotConfigured();
    const hosts = normalised(request.hosts ?? []);
    if (hosts.length === 0) throw hostsRefused('must name at least one host');
    if (hosts.some((host) => host.startsWith('*.')))
      throw hostsRefused('must not be wildcards: this proof (HTTP-01) is for single hosts');
    return this.database.tenant(tenantId, async (tx) => {
      await this.requireRoom(tx, tenantId);
      requireServed(hosts, await this.certificates.routeHosts(tx, tenantId));
      const row = await this.certificates.insertOrder(tx, { id: newId('cert'), tenantId, hosts });
      await this.journal.record(tx, entryOf(row, 'ordered'));
      await this.notifications.publish(tx, ORDER_DUE, {});
      return row;
    });
  }

  private async requireRoom(tx: Transaction, tenantId: string): Promise<void> {
    if ((await this.certificates.lockedCount(tx, tenantId)) >= MOST_OF_A_TENANT)
      throw tooManyCertificates(MOST_OF_A_TENANT);
  }

  private async locked(tx: Transaction, tenantId: string, id: string, ifMatch: number[] | null) {
    const row = await this.certificates.lock(tx, tenantId, id);
    if (!row) throw certificateNotFound(id);
    checkIfMatch(ifMatch, row.version);
    return row;
  }

  private record(tx: Transaction, row: CertificateRow, verb: string): Promise<void> {
    return this.journal.recordConfiguration(tx, entryOf(row, verb));
  }
}

// Asynchronous in their form only: what `together` sends before them is under way while OpenSSL works.
const check = async (details: KeyPairDetails): Promise<void> => requireServable(details);
const read = async ({ certificate, private_key }: ReplaceCertificateRequest): Promise<KeyPairDetails> =>
  readKeyPair(certificate, private_key);

/** The names to use it for: those asked for, else all that it holds, of which routes must have at least one. */
function hostsOf(asked: string[] | undefined, { names }: KeyPairDetails, routeHosts: string[]): string[] {
  if (!asked) {
    if (servedNames(names, routeHosts).length > 0) return names;
    throw hostsRefused(
      `of the certificate (${names.slice(0, 5).join(', ')}) are served by none of your routes`,
    );
  }
  const hosts = normalised(asked);
  const strange = hosts.find((host) => !coversHost(names, host));
  if (strange !== undefined) throw hostsRefused(`must be names of the certificate; '${strange}' is none`);
  requireServed(hosts, routeHosts);
  return hosts;
}

/** The row with what the audit log says of it, before the database has written it. */
const issuedWith = (
  row: CertificateRow,
  hosts: string[],
  { fingerprint, notAfter }: KeyPairDetails,
): CertificateRow => ({ ...row, hosts, fingerprint, not_after: notAfter });

function uploadOf({ certificate, private_key, hosts }: CreateCertificateRequest): ReplaceCertificateRequest {
  for (const [field, value] of Object.entries({ certificate, private_key }))
    if (value === undefined) throw invalidField(field, 'isString', `${field} must be given, or acme be true`);
  return { certificate: certificate!, private_key: private_key!, hosts };
}

function normalised(hosts: string[]): string[] {
  return [
    ...new Set(
      hosts.map((host) => {
        const name = normaliseHost(host);
        if (name === null) throw hostsRefused(`must be host names; '${host.slice(0, 100)}' is none`);
        return name;
      }),
    ),
  ];
}
