import { IsBoolean, IsInt, Matches, Max, MaxLength, Min } from 'class-validator';
import { AllMayBeAbsent, IsDuration } from '../../platform/http/index.js';

/** How a backend's health is found out. */
export class HealthCheckResponse {
  /**
   * Without checks a backend counts as healthy until requests to it fail.
   * @example true
   */
  @IsBoolean()
  enabled: boolean;

  /**
   * Path that is asked for, with GET.
   * @example /health
   */
  @MaxLength(512)
  @Matches(/^\/[\x21\x22\x24-\x7e]*$/, { message: '$property must be a path such as /health' })
  path: string;

  /**
   * Time between two checks.
   * @example 10s
   */
  @IsDuration('100ms', '1h')
  interval: string;

  /**
   * Time that an answer may take; at most the interval.
   * @example 3s
   */
  @IsDuration('10ms', '5m')
  timeout: string;

  /**
   * Status of a healthy answer.
   * @example 200
   */
  @IsInt()
  @Min(100)
  @Max(599)
  expected_status: number;

  /**
   * Good answers in a row that make an unhealthy backend healthy.
   * @example 2
   */
  @IsInt()
  @Min(1)
  @Max(100)
  rise: number;

  /**
   * Bad answers in a row that make a healthy backend unhealthy.
   * @example 3
   */
  @IsInt()
  @Min(1)
  @Max(100)
  fall: number;
}

export class HealthCheckRequest extends AllMayBeAbsent(HealthCheckResponse) {}
