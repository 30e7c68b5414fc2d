import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { LogLevel } from '../../../platform/observability/index.js';

/** One line of the program's own log. */
@Entity('program_log')
export class ProgramLogLine {
  /** Order of the lines of one moment; nobody outside knows it. */
  @PrimaryColumn('bigint', { select: false }) id: string;
  @Column('timestamptz') at: Date;
  @Column('text') node: string;
  @Column('text') level: LogLevel;
  @Column('text') component: string;
  @Column('text') message: string;
  @Column('text', { nullable: true }) request_id: string | null;
}
