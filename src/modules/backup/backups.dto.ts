import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../platform/http/index.js';
import type { BackupRow, RowCounts } from './backups.repository.js';

const ROWS = {
  type: 'object',
  additionalProperties: { type: 'integer' },
  example: { tenants: 3, pools: 12 },
} as const;
const TENANT_ID = /^tenant_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

export class BackupResponse {
  /** @example backup_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;
  /** @example manual */
  trigger: 'manual' | 'schedule';
  /**
   * Bytes of the file.
   * @example 48213
   */
  size: number;
  /**
   * SHA-256 of the file, in hex.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  checksum: string;
  @ApiProperty({ description: 'Rows by table', ...ROWS })
  rows: RowCounts;

  static from(row: BackupRow): BackupResponse {
    const { id, created_at, trigger, size, checksum, rows } = row;
    return { id, created_at: created_at.toISOString(), trigger, size, checksum, rows };
  }
}

export class CreateBackupResponse extends BackupResponse {
  /** @example "backup created" */
  status: string;
}

export class RestoreRequest {
  /** @example backup_01jz3k5v8hf0vbn2x4q6t8w0ya */
  @IsString()
  @MaxLength(200)
  backup_id: string;

  /**
   * Restore this tenant only, and leave all others as they are.
   * @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  @MayBeAbsent()
  @Matches(TENANT_ID, { message: '$property must be an id of the form tenant_…' })
  tenant_id?: string;
}

export class UploadQuery {
  @ApiPropertyOptional({
    description: 'For an uploaded file: restore this tenant only',
    example: 'tenant_01jz3k5v8hf0vbn2x4q6t8w0ya',
  })
  @MayBeAbsent()
  @Matches(TENANT_ID, { message: '$property must be an id of the form tenant_…' })
  tenant_id?: string;
}

export class RestoreResponse {
  /** @example "backup restored" */
  status: string;
  /**
   * Null for an uploaded file.
   * @example backup_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  backup_id: string | null;
  /**
   * Null when the whole installation was restored.
   * @example null
   */
  tenant_id: string | null;
  @ApiProperty({ description: 'Rows of the backup, by table', ...ROWS })
  rows: RowCounts;
}
