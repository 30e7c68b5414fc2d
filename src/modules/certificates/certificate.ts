/** Where a certificate comes from: handed over by a person, or ordered from a certificate authority (RFC 8555). */
type CertificateSource = 'upload' | 'acme';

/** How far an automatic one is: ordered for the first time, being ordered, failed last time, or issued. */
type AcmeState = 'pending' | 'ordering' | 'failed' | 'issued';

/** A certificate without its key. What it says of itself is null until it is issued. */
export interface CertificateRow {
  id: string;
  tenant_id: string;
  source: CertificateSource;
  /** Names it is used for; served are those of them that routes have. */
  hosts: string[];
  names: string[] | null;
  subject: string | null;
  issuer: string | null;
  serial_number: string | null;
  fingerprint: string | null;
  key_type: string | null;
  not_before: Date | null;
  not_after: Date | null;
  issued_at: Date | null;
  /** Null for an uploaded one, as the next three. */
  acme_state: AcmeState | null;
  /** Tries in a row that failed. */
  acme_attempts: number;
  /** When the next order is due. */
  acme_due_at: Date | null;
  acme_error: string | null;
  version: number;
  created_at: Date;
  updated_at: Date;
}

/** What the data plane needs of a certificate. */
export interface ServedCertificate {
  id: string;
  tenant_id: string;
  hosts: string[];
  chain: string;
  private_key: string;
}

/** What the data plane needs of a challenge. */
export interface ServedChallenge {
  tenant_id: string;
  host: string;
  token: string;
  key_authorization: string;
}
