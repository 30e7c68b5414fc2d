import { Column, Entity, PrimaryColumn } from 'typeorm';

/** `active`: heard of just now; `draining`: takes no new work; `down`: silent; `left`: stopped in order. */
export type NodeStatus = 'active' | 'draining' | 'down' | 'left';

const integer = {
  to: (value: number) => value,
  from: (value: string) => Number(value),
};

/** One running instance of this program. */
@Entity('control_plane_nodes')
export class ControlPlaneNode {
  @PrimaryColumn('text') id: string;
  @Column('text') name: string;
  /** Where its API answers, `host:port`. */
  @Column('text') address: string;
  /** As it said last; a silent one says nothing, see `NodesRepository.list`. */
  @Column('text') status: Exclude<NodeStatus, 'down'>;
  @Column('text') engine: string;
  @Column('text') program_version: string;
  @Column('bigint', { transformer: integer }) applied_version: number;
  @Column('text', { nullable: true }) apply_error: string | null;
  /** What it holds the leader's lease as. */
  @Column('text', { nullable: true }) holder: string | null;
  @Column('timestamptz') started_at: Date;
  @Column('timestamptz') last_seen: Date;
}
