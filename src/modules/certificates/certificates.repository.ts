import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import { Secrets } from '../../platform/security/index.js';
import type { CertificateRow } from './certificate.js';
import { KEY_PURPOSE } from './certificates.read-model.js';
import type { KeyPairDetails } from './key-pair.js';

/** Without chain and key: what an answer may show. */
const COLUMNS = `id, tenant_id, source, hosts, names, subject, issuer, serial_number, fingerprint, key_type, not_before,
  not_after, issued_at, acme_state, acme_attempts, acme_due_at, acme_error, version, created_at, updated_at`;
const ISSUED = `chain = $3, private_key = $4, names = $5, subject = $6, issuer = $7, serial_number = $8,
  fingerprint = $9, key_type = $10, not_before = $11, not_after = $12, issued_at = clock_timestamp()`;
const NEXT = 'version = version + 1, updated_at = clock_timestamp()';
const MATCHES = 'tenant_id = $1 AND ($2::text IS NULL OR $2 = ANY (hosts))';
const LOCK = prepared(`SELECT ${COLUMNS} FROM certificates WHERE tenant_id = $1 AND id = $2 FOR UPDATE`);
const ROUTE_HOSTS = prepared('SELECT host FROM route_hosts WHERE tenant_id = $1');
const REPLACE = prepared(
  `UPDATE certificates SET ${ISSUED}, hosts = $13, ${NEXT} WHERE tenant_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
);

/** Certificates; keys are encrypted on the way in and never come out here. */
@Injectable()
export class CertificatesRepository {
  constructor(private readonly secrets: Secrets) {}

  async insertUpload(
    tx: Transaction,
    { id, tenantId, hosts }: { id: string; tenantId: string; hosts: string[] },
    details: KeyPairDetails,
  ): Promise<CertificateRow> {
    const [row] = await tx.query(
      `INSERT INTO certificates (tenant_id, id, chain, private_key, names, subject, issuer, serial_number, fingerprint,
                                 key_type, not_before, not_after, issued_at, source, hosts)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, clock_timestamp(), 'upload', $13) RETURNING ${COLUMNS}`,
      [tenantId, id, ...this.issued(details), hosts],
    );
    return row;
  }

  /** One that is to be ordered now. */
  async insertOrder(
    tx: Transaction,
    { id, tenantId, hosts }: { id: string; tenantId: string; hosts: string[] },
  ): Promise<CertificateRow> {
    const [row] = await tx.query(
      `INSERT INTO certificates (tenant_id, id, hosts, source, acme_state, acme_due_at)
       VALUES ($1, $2, $3, 'acme', 'pending', clock_timestamp()) RETURNING ${COLUMNS}`,
      [tenantId, id, hosts],
    );
    return row;
  }

  async replaceUpload(
    tx: Transaction,
    row: CertificateRow,
    hosts: string[],
    details: KeyPairDetails,
  ): Promise<CertificateRow> {
    const values = [row.tenant_id, row.id, ...this.issued(details), hosts];
    const [saved] = await rowsOf<CertificateRow>(tx, REPLACE, ...values);
    return saved!;
  }

  /** What was ordered has come; the next order is due when a third of its life is left. Null when it was deleted. */
  async saveIssued(
    tx: Transaction,
    { tenant_id, id }: CertificateRow,
    details: KeyPairDetails,
    renewAt: Date,
  ): Promise<CertificateRow | null> {
    const [[saved]] = await tx.query(
      `UPDATE certificates SET ${ISSUED}, acme_state = 'issued', acme_attempts = 0, acme_error = NULL, acme_due_at = $13,
         ${NEXT} WHERE tenant_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
      [tenant_id, id, ...this.issued(details), renewAt],
    );
    return saved ?? null;
  }

  async page(
    tx: Transaction,
    tenantId: string,
    filter: { host?: string },
    request: PageRequest,
  ): Promise<Page<CertificateRow>> {
    const values = [tenantId, filter.host ?? null];
    const rows = await tx.query(
      `SELECT ${COLUMNS} FROM certificates WHERE ${MATCHES} ORDER BY created_at, id LIMIT $3 OFFSET $4`,
      [...values, request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query(`SELECT count(*)::int AS n FROM certificates WHERE ${MATCHES}`, values);
    return new Page(rows, n, request.page, request.limit);
  }

  /** How many the tenant has; whoever else would add one waits until the transaction ends. */
  async lockedCount(tx: Transaction, tenantId: string): Promise<number> {
    await tx.query('SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE', [tenantId]);
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM certificates WHERE tenant_id = $1', [
      tenantId,
    ]);
    return n;
  }

  async get(tx: Transaction, tenantId: string, id: string): Promise<CertificateRow | null> {
    const [row] = await tx.query(`SELECT ${COLUMNS} FROM certificates WHERE tenant_id = $1 AND id = $2`, [
      tenantId,
      id,
    ]);
    return row ?? null;
  }

  /** Locked until the transaction ends. */
  async lock(tx: Transaction, tenantId: string, id: string): Promise<CertificateRow | null> {
    return (await rowsOf<CertificateRow>(tx, LOCK, tenantId, id))[0] ?? null;
  }

  async delete(tx: Transaction, { tenant_id, id }: CertificateRow): Promise<void> {
    await tx.query('DELETE FROM certificates WHERE tenant_id = $1 AND id = $2', [tenant_id, id]);
  }

  /** Makes an order due now. */
  async makeDue(tx: Transaction, { tenant_id, id }: CertificateRow): Promise<CertificateRow> {
    const [[row]] = await tx.query(
      `UPDATE certificates SET acme_due_at = clock_timestamp(), ${NEXT} WHERE tenant_id = $1 AND id = $2
       RETURNING ${COLUMNS}`,
      [tenant_id, id],
    );
    return row;
  }

  /**
   * The next one whose order is due, for this node alone: another leader takes it up when nothing has come of it after
   * `leaseSeconds`. Of all tenants.
   */
  async takeDue(tx: Transaction, leaseSeconds: number): Promise<CertificateRow | null> {
    const [[row]] = await tx.query(
      `UPDATE certificates SET acme_state = 'ordering', acme_due_at = clock_timestamp() + make_interval(secs => $1)
       WHERE id = (SELECT id FROM certificates WHERE acme_due_at <= clock_timestamp() ORDER BY acme_due_at
                   LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ${COLUMNS}`,
      [leaseSeconds],
    );
    return row ?? null;
  }

  /** An order came to nothing; it is tried again after so many seconds. */
  async saveFailure(
    tx: Transaction,
    row: CertificateRow,
    error: string,
    retrySeconds: number,
  ): Promise<void> {
    await tx.query(
      `UPDATE certificates SET acme_state = 'failed', acme_attempts = acme_attempts + 1, acme_error = $3,
         acme_due_at = clock_timestamp() + make_interval(secs => $4), updated_at = clock_timestamp()
       WHERE tenant_id = $1 AND id = $2`,
      [row.tenant_id, row.id, error, retrySeconds],
    );
  }

  /** Hosts of the tenant's routes. */
  async routeHosts(tx: Transaction, tenantId: string): Promise<string[]> {
    const rows = await rowsOf<{ host: string }>(tx, ROUTE_HOSTS, tenantId);
    return rows.map(({ host }) => host);
  }

  /** Values of ISSUED, from $3 on. */
  private issued(details: KeyPairDetails): unknown[] {
    const { chain, privateKey, names, subject, issuer, serialNumber } = details;
    const { fingerprint, keyType, notBefore, notAfter } = details;
    const encrypted = this.secrets.encrypt(privateKey, KEY_PURPOSE);
    return [
      chain,
      encrypted,
      names,
      subject,
      issuer,
      serialNumber,
      fingerprint,
      keyType,
      notBefore,
      notAfter,
    ];
  }
}
