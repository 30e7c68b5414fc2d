import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Figures of a node's machine. Who asks for them knows the node. */
abstract class Figures {
  @PrimaryColumn('text') node: string;
  @PrimaryColumn('timestamptz') at: Date;
  @Column('real') cpu_percent: number;
  @Column('real') memory_percent: number;
  @Column('real') disk_percent: number;
  /** Bytes a second. */
  @Column('double precision') network_rx: number;
  @Column('double precision') network_tx: number;
  /** Mean over the GPUs that report; null where none does. */
  @Column('real', { nullable: true }) gpu_percent: number | null;
}

/** One sample. */
@Entity('system_metrics')
export class SystemMetrics extends Figures {}

/** Means of a minute. */
@Entity('system_metrics_minutes')
export class SystemMetricsMinute extends Figures {
  @Column('int', { select: false }) samples: number;
}
