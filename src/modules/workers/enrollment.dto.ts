import { ApiProperty } from '@nestjs/swagger';
import { IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { IsDuration, IsLine, MayBeAbsent } from '../../platform/http/index.js';
import { type EnrollmentTokenRow, TOKEN_STATES, type TokenState } from './enrollment-tokens.repository.js';

export class IssueEnrollmentTokenRequest {
  /**
   * What it is for. Empty when not given.
   * @example "GPU rack 3"
   */
  @MayBeAbsent()
  @IsLine(200, 0)
  description?: string;

  /**
   * How long it can be used; 24h when not given.
   * @example 24h
   */
  @MayBeAbsent()
  @IsDuration('1m', '30d')
  expires_in?: string;
}

export class EnrollmentTokenResponse {
  /** @example enrollment_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example "GPU rack 3" */
  description: string;
  @ApiProperty({ enum: TOKEN_STATES, enumName: 'EnrollmentTokenState', example: 'open' })
  state: TokenState;
  /** @example admin@cluster-ai.local */
  created_by: string;
  /** @example 2026-06-19T15:30:00.000Z */
  created_at: string;
  /** @example 2026-06-20T15:30:00.000Z */
  expires_at: string;
  /** @example 2026-06-19T15:42:10.000Z */
  used_at: string | null;
  /** @example 2026-06-19T16:00:00.000Z */
  revoked_at: string | null;
  /**
   * The worker that enrolled with it.
   * @example worker_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  worker_id: string | null;
  /** @example worker-001 */
  worker_name: string | null;

  static from(row: EnrollmentTokenRow): EnrollmentTokenResponse {
    return {
      id: row.id,
      description: row.description,
      state: row.state,
      created_by: row.created_by,
      created_at: row.created_at.toISOString(),
      expires_at: row.expires_at.toISOString(),
      used_at: row.used_at?.toISOString() ?? null,
      revoked_at: row.revoked_at?.toISOString() ?? null,
      worker_id: row.worker_id,
      worker_name: row.worker_name,
    };
  }
}

export class IssuedEnrollmentTokenResponse extends EnrollmentTokenResponse {
  /**
   * For `npm run agent -- --token …`. Shown this once: only its hash is kept.
   * @example enroll_Xq2vYc8hF0b3nM5k7pR9tW1zA4dG6jL8oQ0sU2xE4yI
   */
  token: string;

  static issued(row: EnrollmentTokenRow, token: string): IssuedEnrollmentTokenResponse {
    return { ...EnrollmentTokenResponse.from(row), token };
  }
}

export class EnrollWorkerRequest {
  /**
   * One-time enrolment token.
   * @example enroll_Xq2vYc8hF0b3nM5k7pR9tW1zA4dG6jL8oQ0sU2xE4yI
   */
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  token: string;

  /**
   * Unique in the installation.
   * @example worker-001
   */
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    message:
      '$property must be 1 to 63 letters, digits, dots, dashes or underscores, and start with a letter or digit',
  })
  name: string;

  /** @example gpu-rack-3 */
  @IsLine(255)
  hostname: string;

  /** @example linux */
  @IsLine(50)
  platform: string;
}

export class EnrollWorkerResponse {
  /** @example worker_01jz3k5v8hf0vbn2x4q6t8w0ya */
  worker_id: string;
  /**
   * The agent's bearer token on `/api/workers/agent`. Shown this once: only its hash is kept.
   * @example mN5k7pR9tW1zA4dG6jL8oQ0sU2xE4yIXq2vYc8hF0b3
   */
  credential: string;
}
