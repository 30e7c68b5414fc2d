import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn } from 'class-validator';
import {
  IsLine,
  IsQueryCount,
  MayBeAbsent,
  queryUpperCase,
  TimeRangeQuery,
} from '../../../platform/http/index.js';
import { LOG_LEVELS, type LogLevel } from '../../../platform/observability/index.js';

export const DEFAULT_LOG_LINES = 100;

/** Lines of a log, in pages of up to a thousand. */
export class LogLinesQuery extends TimeRangeQuery {
  @IsQueryCount('Lines a page', 1000, DEFAULT_LOG_LINES)
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
