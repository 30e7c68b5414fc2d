import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AlertState, Severity } from './alert.js';

/** Something that is wrong, or was. */
@Entity('alerts')
export class Alert {
  @PrimaryColumn('text') id: string;
  /** Null: the installation's. */
  @Column('text', { nullable: true }) tenant_id: string | null;
  /** What is wrong, as a stable key; one alert a fingerprint fires at a time. */
  @Column('text') fingerprint: string;
  @Column('text') source: 'internal' | 'alertmanager';
  @Column('text') severity: Severity;
  @Column('text') component: string;
  @Column('text') message: string;
  @Column('jsonb') labels: Record<string, string>;
  @Column('text') state: AlertState;
  @Column('int') occurrences: number;
  @Column('timestamptz') started_at: Date;
  @Column('timestamptz') last_seen_at: Date;
  @Column('timestamptz', { nullable: true }) resolved_at: Date | null;
  @Column('timestamptz', { nullable: true }) acknowledged_at: Date | null;
  @Column('text', { nullable: true }) acknowledged_by: string | null;
}
