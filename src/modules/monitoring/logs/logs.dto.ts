import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsISO8601, Max, Min } from 'class-validator';
import { IsLine, MayBeAbsent, PageQuery, queryInteger } from '../../../platform/http/index.js';
import { LOG_LEVELS, type LogLevel } from '../../../platform/observability/index.js';
import type { ProgramLogRow } from './program-log.repository.js';

const upper = ({ value }: { value: unknown }) => (typeof value === 'string' ? value.toUpperCase() : value);

export class LogQuery extends PageQuery {
  @ApiPropertyOptional({
    description: 'Lines a page',
    minimum: 1,
    maximum: 1000,
    default: 100,
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
    description: 'Only this level',
    example: 'INFO',
  })
  @MayBeAbsent()
  @Transform(upper)
  @IsIn(LOG_LEVELS)
  level?: LogLevel;

  /**
   * Part of the program, in any case.
   * @example SYSTEM
   */
  @MayBeAbsent()
  @Transform(upper)
  @IsLine(100)
  component?: string;

  /**
   * Text that the message contains, in any case.
   * @example connected
   */
  @MayBeAbsent()
  @IsLine(200)
  q?: string;

  /**
   * Only lines at or after this time.
   * @example 2026-06-19T00:00:00Z
   */
  @MayBeAbsent()
  @IsISO8601({ strict: true })
  from?: string;

  /**
   * Only lines before this time.
   * @example 2026-06-20T00:00:00Z
   */
  @MayBeAbsent()
  @IsISO8601({ strict: true })
  to?: string;
}

export class LogLineResponse {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  @ApiProperty({ enum: LOG_LEVELS, enumName: 'LogLevel', example: 'INFO' })
  level: LogLevel;
  /** @example SYSTEM */
  component: string;
  /** @example Worker worker-001 connected */
  message: string;
  /**
   * The line as one text, in UTC.
   * @example [2026-06-19 15:30:00] [INFO] [SYSTEM] Worker worker-001 connected
   */
  raw: string;
  /**
   * Node that wrote it.
   * @example node-1:8080
   */
  node: string;
  /** @example req_01jz3k5v8hf0vbn2x4q6t8w0ya */
  request_id: string | null;

  static from(row: ProgramLogRow): LogLineResponse {
    const { at, level, component, message, node, request_id } = row;
    const timestamp = at.toISOString();
    const raw = `[${timestamp.slice(0, 19).replace('T', ' ')}] [${level}] [${component}] ${message}`;
    return { timestamp, level, component, message, raw, node, request_id };
  }
}
