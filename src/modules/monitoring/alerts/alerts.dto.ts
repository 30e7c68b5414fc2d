import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsObject,
  IsString,
  MaxLength,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import {
  IsLine,
  IsTime,
  MayBeAbsent,
  PageQuery,
  queryBoolean,
  queryUpperCase,
} from '../../../platform/http/index.js';
import type { Alert } from './alert.entity.js';
import { ALERT_STATES, type AlertState, SEVERITIES, type Severity } from './alert.js';
import { NOTIFICATION_CHANNELS, type NotificationChannel } from './notification-channels.js';

/** An object whose values are all texts, as labels are. */
const IsTexts = () =>
  ValidateBy({
    name: 'isTexts',
    validator: {
      validate: (value) =>
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every((text) => typeof text === 'string'),
      defaultMessage: (about) => `${about?.property} must be an object of texts`,
    },
  });

export class AlertListQuery extends PageQuery {
  @ApiPropertyOptional({
    enum: SEVERITIES,
    enumName: 'Severity',
    description: 'In any case',
    example: 'WARNING',
  })
  @MayBeAbsent()
  @Transform(queryUpperCase)
  @IsIn(SEVERITIES)
  severity?: Severity;

  @ApiPropertyOptional({ enum: ALERT_STATES, enumName: 'AlertState', example: 'firing' })
  @MayBeAbsent()
  @IsIn(ALERT_STATES)
  state?: AlertState;

  /**
   * What it is about, in any case.
   * @example CPU
   */
  @MayBeAbsent()
  @Transform(queryUpperCase)
  @IsLine(100)
  component?: string;

  @ApiPropertyOptional({
    description: 'Only those that somebody looks after, or only those that nobody does',
    type: 'boolean',
    example: false,
  })
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  acknowledged?: boolean;
}

export class AlertResponse {
  /** @example alert_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /**
   * When it began.
   * @example 2026-06-19T15:30:00.000Z
   */
  timestamp: string;
  @ApiProperty({ enum: SEVERITIES, enumName: 'Severity', example: 'WARNING' })
  severity: Severity;
  /** @example CPU */
  component: string;
  /** @example "CPU use of node-1 is 92 %, above 80 %" */
  message: string;
  @ApiProperty({ enum: ALERT_STATES, enumName: 'AlertState', example: 'firing' })
  state: AlertState;
  /**
   * How often it was reported since it began.
   * @example 3
   */
  occurrences: number;
  /** @example 2026-06-19T15:31:10.000Z */
  last_seen_at: string;
  /**
   * Null while it fires.
   * @example null
   */
  resolved_at: string | null;
  /** @example null */
  acknowledged_at: string | null;
  /**
   * E-mail address of who looks after it.
   * @example null
   */
  acknowledged_by: string | null;
  /** @example internal */
  source: 'internal' | 'alertmanager';
  /**
   * Whose it is; null: the installation's.
   * @example null
   */
  tenant_id: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, example: { node: 'node-1' } })
  labels: Record<string, string>;

  static from(alert: Alert): AlertResponse {
    return {
      id: alert.id,
      timestamp: alert.started_at.toISOString(),
      severity: alert.severity,
      component: alert.component,
      message: alert.message,
      state: alert.state,
      occurrences: alert.occurrences,
      last_seen_at: alert.last_seen_at.toISOString(),
      resolved_at: alert.resolved_at?.toISOString() ?? null,
      acknowledged_at: alert.acknowledged_at?.toISOString() ?? null,
      acknowledged_by: alert.acknowledged_by,
      source: alert.source,
      tenant_id: alert.tenant_id,
      labels: alert.labels,
    };
  }
}

export class AlertmanagerAlert {
  /** @example firing */
  @IsIn(ALERT_STATES)
  status: AlertState;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { alertname: 'HighLatency', severity: 'warning', job: 'veloflux' },
  })
  @IsTexts()
  labels: Record<string, string>;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { summary: 'HighLatency: p99 above 1 s' },
  })
  @MayBeAbsent()
  @IsTexts()
  annotations?: Record<string, string>;

  /** @example 2026-06-19T15:30:00Z */
  @MayBeAbsent()
  @IsTime()
  startsAt?: string;

  /**
   * The same for the same labels; made from the labels when it is missing.
   * @example c0ffee5eed5eed00
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(256)
  fingerprint?: string;
}

/** What Prometheus' Alertmanager posts, version 4; fields that are not named here are ignored. */
export class AlertmanagerWebhook {
  @ApiProperty({ type: [AlertmanagerAlert] })
  @IsArray()
  @ArrayMaxSize(1000)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => AlertmanagerAlert)
  alerts: AlertmanagerAlert[];
}

export class WebhookAnswer {
  /** @example accepted */
  status: string;
  /**
   * Alerts that fire.
   * @example 1
   */
  firing: number;
  /**
   * Alerts that were resolved.
   * @example 0
   */
  resolved: number;
}

export class TestNotificationRequest {
  @ApiPropertyOptional({
    enum: NOTIFICATION_CHANNELS,
    enumName: 'NotificationChannel',
    description: 'Left out: every channel that is set up',
    example: 'email',
  })
  @MayBeAbsent()
  @IsIn(NOTIFICATION_CHANNELS)
  channel?: NotificationChannel;
}

export class TestNotificationResult {
  @ApiProperty({ enum: NOTIFICATION_CHANNELS, enumName: 'NotificationChannel', example: 'email' })
  channel: NotificationChannel;
  /** @example true */
  delivered: boolean;
  /**
   * What the receiver said, or why it did not arrive.
   * @example "250 2.0.0 Ok"
   */
  message: string;
}

export class TestNotificationResponse {
  /**
   * Whether at least one channel was tried and all of them delivered.
   * @example true
   */
  success: boolean;
  results: TestNotificationResult[];
}
