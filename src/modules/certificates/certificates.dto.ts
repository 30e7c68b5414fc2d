import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsString,
  MaxLength,
} from 'class-validator';
import { DAY_MS } from '../../common/durations.js';
import { AllMayBeAbsent, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import type { CertificateRow } from './certificate.js';

const MOST_HOSTS = 100;

export class ReplaceCertificateRequest {
  /**
   * PEM: the server's own certificate first, then each that vouches for the one before. The root may be left out.
   * @example "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"
   */
  @IsString()
  @MaxLength(65_536)
  certificate: string;

  /**
   * PEM, not encrypted: RSA from 2048 bits, or EC on P-256, P-384 or P-521. Stored encrypted and never shown again.
   * @example "-----BEGIN PRIVATE KEY-----\nMIGH…\n-----END PRIVATE KEY-----\n"
   */
  @IsString()
  @MaxLength(16_384)
  private_key: string;

  /**
   * Names that it is used for; all names of the certificate when not given. Served are those that your routes have.
   * @example ["shop.example.com"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST_HOSTS)
  @ArrayUnique()
  @IsString({ each: true })
  @MaxLength(255, { each: true })
  hosts?: string[];
}

/** Either a certificate with its key, or `acme` with hosts. */
export class CreateCertificateRequest extends AllMayBeAbsent(ReplaceCertificateRequest) {
  /**
   * Whether to order it from the installation's certificate authority (ACME, HTTP-01) and to renew it when a third of
   * its life is left; then with `hosts`, without `certificate` and `private_key`, and without wildcards. False when not
   * given.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  acme?: boolean;
}

export class CertificateListQuery extends PageQuery {
  /**
   * One of the names that it is used for.
   * @example shop.example.com
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(255)
  host?: string;
}

/** How an automatic certificate is doing. */
export class CertificateOrderResponse {
  /**
   * `pending`: ordered for the first time; `failed`: the last try failed and is repeated.
   * @example issued
   */
  state: 'pending' | 'ordering' | 'failed' | 'issued';
  /**
   * Tries in a row that failed.
   * @example 0
   */
  failed_attempts: number;
  /**
   * Why the last try failed; null when it did not.
   * @example null
   */
  error: string | null;
  /**
   * Of the next try, or of the renewal.
   * @example 2026-08-18T10:00:00.000Z
   */
  next_attempt_at: string;
}

/** A certificate; its key is never shown. What it says of itself is null until it is issued. */
export class CertificateResponse {
  /** @example cert_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example upload */
  source: 'upload' | 'acme';
  /** @example active */
  status: 'pending' | 'active' | 'expired';
  /** @example ["shop.example.com"] */
  hosts: string[];
  /**
   * Names that the certificate holds.
   * @example ["shop.example.com", "www.shop.example.com"]
   */
  names: string[] | null;
  /** @example "CN=shop.example.com" */
  subject: string | null;
  /** @example "C=US, O=Let's Encrypt, CN=E5" */
  issuer: string | null;
  /** @example 04a1c0ffee */
  serial_number: string | null;
  /** @example AB:CD:EF:00 */
  fingerprint_sha256: string | null;
  /** @example "EC P-256" */
  key_type: string | null;
  /** @example 2026-06-19T10:00:00.000Z */
  not_before: string | null;
  /** @example 2026-09-17T10:00:00.000Z */
  not_after: string | null;
  /**
   * Whole days until it expires, below zero when it has.
   * @example 89
   */
  days_left: number | null;
  /** Null for an uploaded one. */
  order: CertificateOrderResponse | null;
  /**
   * Also in the ETag.
   * @example 1
   */
  version: number;
  /** @example 2026-06-19T10:00:00.000Z */
  created_at: string;
  /** @example 2026-06-19T10:00:00.000Z */
  updated_at: string;

  static from(row: CertificateRow): CertificateResponse {
    const { id, source, hosts, names, subject, issuer, serial_number, key_type, not_after, version } = row;
    const left = not_after && not_after.getTime() - Date.now();
    return {
      id,
      source,
      status: left === null ? 'pending' : left > 0 ? 'active' : 'expired',
      hosts,
      names,
      subject,
      issuer,
      serial_number,
      fingerprint_sha256: row.fingerprint,
      key_type,
      not_before: row.not_before?.toISOString() ?? null,
      not_after: not_after?.toISOString() ?? null,
      days_left: left === null ? null : Math.floor(left / DAY_MS),
      order: orderOf(row),
      version,
      created_at: row.created_at.toISOString(),
      updated_at: row.updated_at.toISOString(),
    };
  }
}

function orderOf(row: CertificateRow): CertificateOrderResponse | null {
  if (row.acme_state === null || row.acme_due_at === null) return null;
  return {
    state: row.acme_state,
    failed_attempts: row.acme_attempts,
    error: row.acme_error,
    next_attempt_at: row.acme_due_at.toISOString(),
  };
}
