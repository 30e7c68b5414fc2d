import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsString, MaxLength } from 'class-validator';
import { MayBeAbsent, TimeRangeQuery, timeRange } from '../../platform/http/index.js';
import type { AuditFilter, AuditRow } from './audit.repository.js';

export class AuditQuery extends TimeRangeQuery {
  /**
   * Who did it: id or e-mail address.
   * @example owner@example.com
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(254)
  actor?: string;

  /** @example pool.created */
  @MayBeAbsent()
  @IsString()
  @MaxLength(100)
  action?: string;

  /**
   * What it was done to: id, name or type.
   * @example web_servers
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(300)
  object?: string;
}

export class AuditExportQuery extends AuditQuery {
  /** @example csv */
  @MayBeAbsent()
  @IsIn(['csv', 'ndjson'])
  format?: 'csv' | 'ndjson';
}

export const filterOf = (query: AuditQuery): AuditFilter => ({
  actor: query.actor,
  action: query.action,
  object: query.object,
  ...timeRange(query),
});

export class AuditEntryResponse {
  /** @example audit_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  /**
   * Null for what concerns the installation.
   * @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  tenant_id: string | null;
  /**
   * Null for the program itself and for strangers.
   * @example user_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  actor_id: string | null;
  /** @example owner@example.com */
  actor: string;
  /** @example 203.0.113.7 */
  address: string | null;
  /** @example req_01jz3k5v8hf0vbn2x4q6t8w0ya */
  request_id: string | null;
  /** @example pool.created */
  action: string;
  /** @example info */
  level: string;
  /** @example pool */
  object_type: string | null;
  /** @example pool_01jz3k5v8hf0vbn2x4q6t8w0ya */
  object_id: string | null;
  /** @example web_servers */
  object_name: string | null;
  /** @example "Pool 'web_servers' created" */
  message: string;
  @ApiProperty({ description: 'What changed', type: 'object', additionalProperties: true, example: {} })
  details: Record<string, unknown>;

  static from(row: AuditRow): AuditEntryResponse {
    const { id, at, tenant_id, actor_id, actor_name, address, request_id, action, level } = row;
    const { object_type, object_id, object_name, message, details } = row;
    return {
      id,
      timestamp: at.toISOString(),
      tenant_id,
      actor_id,
      actor: actor_name,
      address,
      request_id,
      action,
      level,
      object_type,
      object_id,
      object_name,
      message,
      details,
    };
  }
}
