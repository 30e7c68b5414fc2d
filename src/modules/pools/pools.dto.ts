import { IntersectionType, OmitType, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import {
  ADMIN_STATES,
  type AdminState,
  ALGORITHMS,
  type Algorithm,
  type HealthState,
} from '../../common/load-balancing.js';
import { AllMayBeAbsent, IsDuration, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import { HealthCheckRequest, HealthCheckResponse } from '../backends/index.js';
import type { LiveBackends } from '../telemetry/index.js';
import type { PoolWithBackends } from './pools.read-model.js';

class PoolFields {
  /**
   * Unique in the tenant; it is in the pool's path.
   * @example web_servers
   */
  @Matches(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
    message:
      '$property must be 1 to 63 letters, digits, dots, dashes or underscores, and start with a letter or digit',
  })
  name: string;

  /**
   * How a backend is chosen for a request.
   * @example weighted_round_robin
   */
  @IsIn(ALGORITHMS)
  algorithm: Algorithm;

  /**
   * Whether a client stays with its backend, by a cookie. False when not given.
   * @example true
   */
  @IsBoolean()
  sticky_sessions: boolean;

  /** Of the pool's backends, unless one has its own. */
  @IsObject()
  @ValidateNested()
  @Type(() => HealthCheckRequest)
  health_check: HealthCheckRequest;

  /**
   * Time to open a connection to a backend; 5s when not given.
   * @example 5s
   */
  @IsDuration('10ms', '1m')
  connect_timeout: string;

  /**
   * Time until a backend's answer begins, and between two pieces of it; 30s when not given.
   * @example 30s
   */
  @IsDuration('10ms', '1h')
  response_timeout: string;

  /**
   * How many other backends an idempotent request may try when its connection fails before an answer; 2 when not given.
   * @example 2
   */
  @IsInt()
  @Min(0)
  @Max(10)
  retries: number;
}

export class CreatePoolRequest extends IntersectionType(
  PickType(PoolFields, ['name', 'algorithm']),
  AllMayBeAbsent(OmitType(PoolFields, ['name', 'algorithm'])),
) {}

/** Only what is sent changes; inside `health_check` too. */
export class UpdatePoolRequest extends AllMayBeAbsent(PoolFields) {}

export class PoolListQuery extends PageQuery {
  /** @example weighted_round_robin */
  @MayBeAbsent()
  @IsIn(ALGORITHMS)
  algorithm?: Algorithm;

  /**
   * Beginning of the name.
   * @example web
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(63)
  name?: string;
}

/** A backend as its pool shows it; `/api/backends/{id}` has the rest. */
export class PoolBackendResponse {
  /** @example backend_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example 192.168.1.10:8080 */
  address: string;
  /** @example 100 */
  weight: number;
  /**
   * Health as this node's checks see it; `unknown` before the first result.
   * @example healthy
   */
  status: HealthState;
  /** @example us-east-1 */
  region: string | null;
  /** @example enabled */
  @IsIn(ADMIN_STATES)
  admin_state: AdminState;
  /**
   * Requests in flight on this node.
   * @example 3
   */
  connections: number;
}

export class PoolResponse {
  /** @example pool_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example web_servers */
  name: string;
  /** @example weighted_round_robin */
  algorithm: Algorithm;
  /** @example true */
  sticky_sessions: boolean;
  health_check: HealthCheckResponse;
  /** @example 5s */
  connect_timeout: string;
  /** @example 30s */
  response_timeout: string;
  /** @example 2 */
  retries: number;
  backends: PoolBackendResponse[];
  /**
   * Also in the ETag.
   * @example 1
   */
  version: number;
  /** @example 2026-06-19T10:00:00.000Z */
  created_at: string;
  /** @example 2026-06-19T10:00:00.000Z */
  updated_at: string;

  static from({ pool, backends }: PoolWithBackends, live: LiveBackends): PoolResponse {
    return {
      id: pool.id,
      name: pool.name,
      algorithm: pool.algorithm,
      sticky_sessions: pool.sticky_sessions,
      health_check: pool.health_check,
      connect_timeout: pool.connect_timeout,
      response_timeout: pool.response_timeout,
      retries: pool.retries,
      backends: backends.map((backend) => {
        const stats = live.get(backend.id);
        return {
          id: backend.id,
          address: backend.address,
          weight: backend.weight,
          status: stats?.health ?? 'unknown',
          region: backend.region,
          admin_state: backend.admin_state,
          connections: stats?.connections ?? 0,
        };
      }),
      version: pool.version,
      created_at: pool.created_at.toISOString(),
      updated_at: pool.updated_at.toISOString(),
    };
  }
}
