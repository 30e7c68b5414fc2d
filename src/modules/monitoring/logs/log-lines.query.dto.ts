import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsInt, Max, Min } from 'class-validator';
import {
  IsLine,
  MayBeAbsent,
  queryInteger,
  queryUpperCase,
  TimeRangeQuery,
} from '../../../platform/http/index.js';
import { LOG_LEVELS, type LogLevel } from '../../../platform/observability/index.js';

export const DEFAULT_LOG_LINES = 100;

/** Lines of a log, in pages of up to a thousand. */
export class LogLinesQuery extends TimeRangeQuery {
  @ApiPropertyOptional({
    description: 'Lines a page',
    minimum: 1,
    maximum: 1000,
    default: DEFAULT_LOG_LINES,
    type: 'integer',
    example: 100,
  })
  @MayBeAbsent()
  @Transform(queryInteger)
  @IsInt()
  @Min(1)
  @Max(1000)
  override limit?: number;

  @ApiPropertyOptional({
    enum: LOG_LEVELS,
    enumName: 'LogLevel',
    description: 'Only this level, in any case',
    example: 'INFO',
  })
  @MayBeAbsent()
  @Transform(queryUpperCase)
  @IsIn(LOG_LEVELS)
  level?: LogLevel;

  /**
   * Part of the program, in any case; `PROXY` in a tenant's log is its access log.
   * @example SYSTEM
   */
  @MayBeAbsent()
  @Transform(queryUpperCase)
  @IsLine(100)
  component?: string;

  /**
   * Text that the message contains, in any case.
   * @example connected
   */
  @MayBeAbsent()
  @IsLine(200)
  q?: string;
}
