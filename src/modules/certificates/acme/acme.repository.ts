import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../../platform/database/index.js';
import { Secrets } from '../../../platform/security/index.js';
import type { CertificateRow } from '../certificate.js';

const ACCOUNT_KEY_PURPOSE = 'ACME account key';

export interface AcmeAccount {
  directoryUrl: string;
  accountUrl: string;
  /** PEM. */
  privateKey: string;
}

/** The installation's accounts with certificate authorities, and what these ask. Takes system transactions. */
@Injectable()
export class AcmeRepository {
  constructor(private readonly secrets: Secrets) {}

  async account(tx: Transaction, directoryUrl: string): Promise<AcmeAccount | null> {
    const [row] = await tx.query(
      'SELECT account_url, private_key FROM acme_accounts WHERE directory_url = $1',
      [directoryUrl],
    );
    if (!row) return null;
    const privateKey = this.secrets.decrypt(row.private_key, ACCOUNT_KEY_PURPOSE);
    return { directoryUrl, accountUrl: row.account_url, privateKey };
  }

  async saveAccount(tx: Transaction, { directoryUrl, accountUrl, privateKey }: AcmeAccount): Promise<void> {
    await tx.query(
      `INSERT INTO acme_accounts (directory_url, account_url, private_key) VALUES ($1, $2, $3)
       ON CONFLICT (directory_url) DO UPDATE SET account_url = EXCLUDED.account_url, private_key = EXCLUDED.private_key`,
      [directoryUrl, accountUrl, this.secrets.encrypt(privateKey, ACCOUNT_KEY_PURPOSE)],
    );
  }

  async addChallenge(
    tx: Transaction,
    { tenant_id, id }: CertificateRow,
    challenge: { host: string; token: string; keyAuthorization: string },
  ): Promise<void> {
    await tx.query(
      `INSERT INTO acme_challenges (tenant_id, certificate_id, host, token, key_authorization)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [tenant_id, id, challenge.host, challenge.token, challenge.keyAuthorization],
    );
  }

  /** All of a certificate's, those that an interrupted order left too. @returns whether there were any */
  async deleteChallenges(tx: Transaction, { tenant_id, id }: CertificateRow): Promise<boolean> {
    const [rows] = await tx.query(
      'DELETE FROM acme_challenges WHERE tenant_id = $1 AND certificate_id = $2 RETURNING token',
      [tenant_id, id],
    );
    return rows.length > 0;
  }
}
