import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { HostFigures, ProcessStatus } from '../../common/agent-protocol.js';

/** A machine of the AI cluster, as it last told of itself. */
@Entity('workers')
export class Worker {
  @PrimaryColumn('text') id: string;
  @Column('text') name: string;
  /** SHA-256 of what its agent signs in with. */
  @Column('text', { select: false }) credential_hash: string;
  @Column('text') hostname: string;
  @Column('text') platform: string;
  @Column('text') ip_address: string;
  /** Program name of the supervised command; null before the agent's first connection. */
  @Column('text', { nullable: true }) command: string | null;
  @Column('jsonb', { nullable: true }) process: ProcessStatus | null;
  /** Null before the first report. */
  @Column('jsonb', { nullable: true }) host: HostFigures | null;
  @Column('real', { select: false }) report_interval_seconds: number;
  /** The agent's open WebSocket; null when none is open. Left over for a moment when the node that held it died. */
  @Column('text', { nullable: true }) connection_id: string | null;
  @Column('timestamptz', { nullable: true }) connected_at: Date | null;
  /** Since when the alert that it is offline fires. */
  @Column('timestamptz', { nullable: true, select: false }) offline_since: Date | null;
  @Column('timestamptz') last_seen: Date;
  @Column('timestamptz') enrolled_at: Date;
}
