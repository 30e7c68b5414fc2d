import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { SEVERITIES, type Severity } from '../monitoring/index.js';
import { WEBHOOK_EVENTS } from './webhooks.dto.js';

export class BackendHealthEvent {
  /** @example backend_01jz3k5v8hf0vbn2x4q6t8w0ya */
  backend_id: string;
  /** @example pool_01jz3k5v8hf0vbn2x4q6t8w0ya */
  pool_id: string;
  /** @example healthy */
  from: 'healthy' | 'unhealthy' | 'unknown';
  /** @example unhealthy */
  to: 'healthy' | 'unhealthy' | 'unknown';
  /** @example "status 503" */
  reason: string;
  /** @example 2026-06-19T15:30:00.000Z */
  at: string;
}

export class AlertEvent {
  /** @example alert_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  @ApiProperty({ enum: SEVERITIES, enumName: 'Severity', example: 'WARNING' })
  severity: Severity;
  /** @example BACKEND */
  component: string;
  /** @example "No backend of pool web is healthy" */
  message: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, example: { pool: 'web' } })
  labels: Record<string, string>;
  /** @example 2026-06-19T15:30:00.000Z */
  started_at: string;
}

export class ConfigChangedEvent {
  /**
   * Of `GET /api/config/versions/{version}`.
   * @example 42
   */
  version: number;
  /**
   * The first twenty changes.
   * @example ["Pool web created"]
   */
  summary: string[];
  /** @example ada@example.com */
  actor: string;
}

export class EventObject {
  /** @example user */
  type: string;
  /** @example user_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example grace@example.com */
  name?: string;
}

/** What the audit log says of it. */
export class AuditedEvent {
  /** @example "User grace@example.com added" */
  message: string;
  /** @example ada@example.com */
  actor: string;
  @ApiProperty({ type: EventObject, nullable: true })
  object: EventObject | null;
  @ApiProperty({ type: 'object', additionalProperties: true, example: { role: 'member' } })
  details: Record<string, unknown>;
}

export class PingEvent {
  /** @example "It works when you read this" */
  message: string;
}

/**
 * The types of messages: what can be subscribed to, and the one that is sent on request. `*` stands for the actions of
 * the audit log that have no name of their own here; only who subscribed to everything is told of them.
 */
export const MESSAGE_TYPES = [...WEBHOOK_EVENTS, 'ping'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** The class of `data` in the messages of a type. */
export const dataOf = (type: MessageType): Type => {
  if (type.startsWith('backend.')) return BackendHealthEvent;
  if (type.startsWith('alert.')) return AlertEvent;
  if (type === 'config.changed') return ConfigChangedEvent;
  return type === 'ping' ? PingEvent : AuditedEvent;
};
