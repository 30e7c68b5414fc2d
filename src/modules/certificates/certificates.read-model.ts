import { Injectable, Logger } from '@nestjs/common';
import { prepared, rowsOf, type Transaction } from '../../platform/database/index.js';
import { Secrets } from '../../platform/security/index.js';
import type { CertificateRow, ServedCertificate, ServedChallenge } from './certificate.js';

/** Bound to the encrypted keys, so that no other encrypted value can be taken for one. */
export const KEY_PURPOSE = 'TLS private key';

export type ExpiringCertificate = Pick<
  CertificateRow,
  'id' | 'tenant_id' | 'source' | 'hosts' | 'acme_error'
> & {
  not_before: Date;
  not_after: Date;
};

const SERVED = `SELECT id, tenant_id, hosts, chain, private_key FROM certificates WHERE chain IS NOT NULL`;
const NEWEST_FIRST = 'ORDER BY issued_at DESC, id';
const SERVED_OF_TENANTS = prepared(`${SERVED} AND tenant_id = ANY ($1) ${NEWEST_FIRST}`);
const CHALLENGES = 'SELECT tenant_id, host, token, key_authorization FROM acme_challenges';
const CHALLENGES_OF_TENANTS = prepared(`${CHALLENGES} WHERE tenant_id = ANY ($1) ORDER BY host, token`);

/** Reads certificates for those that serve and watch them. All of it takes a system transaction. */
@Injectable()
export class CertificatesReadModel {
  private readonly logger = new Logger('certificates');

  constructor(private readonly secrets: Secrets) {}

  /**
   * Issued ones with their keys, the newest first, of these tenants or of every tenant for null. One whose key this
   * node cannot decrypt is left out and logged: it must not keep the others from being served.
   */
  async served(tx: Transaction, tenantIds: readonly string[] | null): Promise<ServedCertificate[]> {
    const rows: ServedCertificate[] = tenantIds
      ? await rowsOf(tx, SERVED_OF_TENANTS, tenantIds)
      : await tx.query(`${SERVED} ${NEWEST_FIRST}`);
    return rows.flatMap((row) => {
      try {
        return [{ ...row, private_key: this.secrets.decrypt(row.private_key, KEY_PURPOSE) }];
      } catch {
        this.logger.error(`${row.id}: its key cannot be decrypted with this node's ENCRYPTION_KEY`);
        return [];
      }
    });
  }

  /** What certificate authorities ask of these tenants, or of every tenant for null. */
  challenges(tx: Transaction, tenantIds: readonly string[] | null): Promise<ServedChallenge[]> {
    return tenantIds
      ? rowsOf(tx, CHALLENGES_OF_TENANTS, tenantIds)
      : tx.query(`${CHALLENGES} ORDER BY host, token`);
  }

  /** Those that end within so many days, or have ended. */
  expiring(tx: Transaction, days: number): Promise<ExpiringCertificate[]> {
    return tx.query(
      `SELECT id, tenant_id, source, hosts, acme_error, not_before, not_after FROM certificates
       WHERE not_after < clock_timestamp() + make_interval(days => $1) ORDER BY not_after, id`,
      [days],
    );
  }
}
