import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Transaction } from '../../platform/database/index.js';
import { ControlPlaneNode, type NodeStatus } from './control-plane-node.entity.js';

/** A node that has not been heard of for this long does not count as live. */
const LIVE_SECONDS = 5;
const FORGET_AFTER = '1 day';

/** A node as the others see it. */
export interface NodeRow extends Omit<ControlPlaneNode, 'status' | 'holder'> {
  status: NodeStatus;
  is_leader: boolean;
}

export interface NodeDescription {
  name: string;
  /** Where this node's API answers, `host:port`. */
  address: string;
  engine: string;
  programVersion: string;
  /** What it holds the leader's lease as. */
  holder: string;
}

/** The nodes of the control plane; all of it takes a system transaction, and times are the database's. */
@Injectable()
export class NodesRepository {
  /** Enters a node that starts; a node of the same name is the same node. @returns its id */
  async register(tx: Transaction, node: NodeDescription): Promise<string> {
    await tx.query(
      `DELETE FROM control_plane_nodes WHERE last_seen < clock_timestamp() - interval '${FORGET_AFTER}'`,
    );
    const [known] = await tx.query(
      `UPDATE control_plane_nodes SET address = $2, engine = $3, program_version = $4, holder = $5, status = 'active',
         applied_version = 0, apply_error = NULL, started_at = clock_timestamp(), last_seen = clock_timestamp()
       WHERE name = $1 RETURNING id`,
      [node.name, node.address, node.engine, node.programVersion, node.holder],
    );
    if (known.length) return known[0].id;
    const id = newId('node');
    const { name, address, engine, programVersion, holder } = node;
    await tx
      .getRepository(ControlPlaneNode)
      .insert({ id, name, address, engine, program_version: programVersion, holder, status: 'active' });
    return id;
  }

  /** @returns the configuration version of the installation, and how many nodes are live; null when the node's row is gone */
  async heartbeat(
    tx: Transaction,
    id: string,
    appliedVersion: number,
    applyError: string | null,
    status: 'active' | 'draining',
  ): Promise<{ version: number; live: number } | null> {
    const [rows] = await tx.query(
      `UPDATE control_plane_nodes SET last_seen = clock_timestamp(), status = $4, applied_version = $2,
         apply_error = $3
       WHERE id = $1 RETURNING (SELECT version FROM config_state)::float8 AS version,
         1 + (SELECT count(*)::int FROM control_plane_nodes other WHERE other.id <> $1 AND other.status <> 'left'
              AND other.last_seen > clock_timestamp() - make_interval(secs => $5)) AS live`,
      [id, appliedVersion, applyError, status, LIVE_SECONDS],
    );
    return rows[0] ?? null;
  }

  async leave(tx: Transaction, id: string): Promise<void> {
    await tx.getRepository(ControlPlaneNode).update({ id }, { status: 'left' });
  }

  list(tx: Transaction): Promise<NodeRow[]> {
    return tx.query(
      `SELECT id, name, address, engine, program_version, applied_version::float8 AS applied_version, apply_error,
         started_at, last_seen,
         CASE WHEN status = 'left' THEN 'left'
              WHEN last_seen > clock_timestamp() - make_interval(secs => $1) THEN status ELSE 'down' END AS status,
         coalesce(holder = (SELECT holder FROM leases WHERE name = 'leader' AND expires_at > clock_timestamp()), false) AS is_leader
       FROM control_plane_nodes ORDER BY name, id`,
      [LIVE_SECONDS],
    );
  }
}
