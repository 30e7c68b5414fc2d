import { ApiProperty } from '@nestjs/swagger';
import { LOG_LEVELS, type LogLevel } from '../../../platform/observability/index.js';
import type { ProgramLogRow } from './program-log.repository.js';

export class LogLineResponse {
  /** @example 2026-06-19T15:30:00.000Z */
  timestamp: string;
  @ApiProperty({ enum: LOG_LEVELS, enumName: 'LogLevel', example: 'INFO' })
  level: LogLevel;
  /** @example SYSTEM */
  component: string;
  /** @example "Worker worker-001 connected" */
  message: string;
  /**
   * The line as one text, in UTC.
   * @example "[2026-06-19 15:30:00] [INFO] [SYSTEM] Worker worker-001 connected"
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
