import { IntersectionType, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import {
  ADMIN_STATES,
  type AdminState,
  HEALTH_STATES,
  type HealthState,
} from '../../common/load-balancing.js';
import type { BackendStats } from '../../common/traffic.js';
import { AllMayBeAbsent, IsLine, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import { IsBackendAddress } from './address.validator.js';
import type { BackendRow } from './backends.read-model.js';
import { HealthCheckRequest, HealthCheckResponse } from './health-check.dto.js';
import { withDefaults } from './health-check.js';

class BackendFields {
  /**
   * Host name or IP address and port; IPv6 in brackets. Link-local and metadata addresses are refused.
   * @example 192.168.1.20:8080
   */
  @IsBackendAddress()
  address: string;

  /**
   * Name of the pool.
   * @example web_servers
   */
  @IsString()
  @MaxLength(63)
  pool: string;

  /**
   * Share of the traffic relative to the other backends of the pool; 100 when not given.
   * @example 100
   */
  @IsInt()
  @Min(1)
  @Max(1000)
  weight: number;

  /**
   * Where it runs; a label of your own. Null: none.
   * @example us-west-2
   */
  @ValidateIf((o: BackendFields) => o.region !== null)
  @IsLine(64)
  region: string | null;

  /**
   * `draining` finishes what it has and gets nothing new; `disabled` gets nothing. `enabled` when not given.
   * @example enabled
   */
  @IsIn(ADMIN_STATES)
  admin_state: AdminState;

  /** What differs from the pool's health check; null: nothing. */
  @ValidateIf((o: BackendFields) => o.health_check !== null)
  @IsObject()
  @ValidateNested()
  @Type(() => HealthCheckRequest)
  health_check: HealthCheckRequest | null;
}

export class CreateBackendRequest extends IntersectionType(
  PickType(BackendFields, ['address', 'pool']),
  AllMayBeAbsent(PickType(BackendFields, ['weight', 'region', 'admin_state', 'health_check'])),
) {}

/** Only what is sent changes; inside `health_check` too. */
export class UpdateBackendRequest extends AllMayBeAbsent(BackendFields) {}

export class BackendListQuery extends PageQuery {
  /**
   * Name of a pool.
   * @example web_servers
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(63)
  pool?: string;

  /** @example us-west-2 */
  @MayBeAbsent()
  @IsLine(64)
  region?: string;

  /** @example healthy */
  @MayBeAbsent()
  @IsIn(HEALTH_STATES)
  status?: HealthState;

  /** @example enabled */
  @MayBeAbsent()
  @IsIn(ADMIN_STATES)
  admin_state?: AdminState;
}

export class BackendResponse {
  /** @example backend_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example 192.168.1.20:8080 */
  address: string;
  /** @example web_servers */
  pool: string;
  /** @example 100 */
  weight: number;
  /** @example us-west-2 */
  region: string | null;
  /** @example enabled */
  admin_state: AdminState;
  /**
   * Health as this node's checks see it; `unknown` before the first result.
   * @example healthy
   */
  status: HealthState;
  /** The check in effect: the pool's, with what differs for this backend. */
  health_check: HealthCheckResponse;
  /**
   * Requests in flight on this node.
   * @example 3
   */
  connections: number;
  /**
   * Moving mean of the time to the response head, ms; null before the first request.
   * @example 12.4
   */
  response_time_ms: number | null;
  /**
   * Null before the first health check.
   * @example 2026-06-19T15:30:00.000Z
   */
  last_check: string | null;
  /**
   * Why the last check or request failed; null when it did not.
   * @example "connection refused"
   */
  last_error: string | null;
  /**
   * Also in the ETag.
   * @example 1
   */
  version: number;
  /** @example 2026-06-19T10:00:00.000Z */
  created_at: string;
  /** @example 2026-06-19T10:00:00.000Z */
  updated_at: string;

  static from(row: BackendRow, live: BackendStats | undefined): BackendResponse {
    return {
      id: row.id,
      address: row.address,
      pool: row.pool,
      weight: row.weight,
      region: row.region,
      admin_state: row.admin_state,
      status: live?.health ?? 'unknown',
      health_check: withDefaults(row.health_check ?? {}, row.pool_health_check),
      connections: live?.connections ?? 0,
      response_time_ms: live?.responseTimeMs ?? null,
      last_check: live?.lastCheckAt?.toISOString() ?? null,
      last_error: live?.lastError ?? null,
      version: row.version,
      created_at: row.created_at.toISOString(),
      updated_at: row.updated_at.toISOString(),
    };
  }
}
