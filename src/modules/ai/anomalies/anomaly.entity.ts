import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Metric } from './metrics.js';
import type { Sample, WatchedState } from './watched-series.js';

/** A minute that stands out of its series, and how long that lasted. */
@Entity('ai_anomalies')
export class Anomaly {
  @PrimaryColumn('text') id: string;
  /** Null: the installation's. */
  @Column('text', { nullable: true, select: false }) tenant_id: string | null;
  @Column('text', { nullable: true }) pool_id: string | null;
  @Column('text', { nullable: true }) node: string | null;
  @Column('text') metric: Metric;
  @Column('timestamptz') at: Date;
  @Column('timestamptz', { nullable: true }) ended_at: Date | null;
  @Column('double precision') score: number;
  @Column('double precision') value: number;
  @Column('double precision') expected: number;
  @Column('double precision') lower: number;
  @Column('double precision') upper: number;
  @Column('jsonb') around: Sample[];
  @Column('timestamptz', { select: false }) created_at: Date;
}

/** A series as it was left. */
@Entity('ai_detector_states')
export class DetectorState {
  /** Empty: the installation's. */
  @PrimaryColumn('text') tenant_id: string;
  @PrimaryColumn('text') series: string;
  /** Start of the last minute that it has seen. */
  @Column('timestamptz') minute: Date;
  @Column('jsonb') detector: WatchedState;
}
