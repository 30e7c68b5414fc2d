import type { NodeStatus } from './control-plane-node.entity.js';
import type { NodeRow } from './nodes.repository.js';

export class NodeResponse {
  /** @example node_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example node-1 */
  name: string;
  /**
   * Where its API answers.
   * @example 10.0.0.5:8080
   */
  address: string;
  /**
   * `active`; `draining`: takes no new work; `down`: silent for 5 s; `left`: stopped in order.
   * @example active
   */
  status: NodeStatus;
  /**
   * Version of the program.
   * @example 1.1.0
   */
  version: string;
  /** @example embedded */
  engine: string;
  /**
   * Configuration version that its data plane runs.
   * @example 42
   */
  applied_version: number;
  /**
   * Why it does not run the newest one; null when it does.
   * @example null
   */
  apply_error: string | null;
  /** @example true */
  is_leader: boolean;
  /** @example 2026-06-19T10:00:00.000Z */
  started_at: string;
  /** @example 2026-06-19T15:30:00.000Z */
  last_seen: string;

  static from(row: NodeRow): NodeResponse {
    const { id, name, address, status, program_version, engine, applied_version, apply_error, is_leader } =
      row;
    return {
      id,
      name,
      address,
      status,
      version: program_version,
      engine,
      applied_version,
      apply_error,
      is_leader,
      started_at: row.started_at.toISOString(),
      last_seen: row.last_seen.toISOString(),
    };
  }
}

export class ClusterResponse {
  nodes: NodeResponse[];
  /**
   * Whether the node that answers leads.
   * @example true
   */
  is_leader: boolean;
  /**
   * Id of the node that answers.
   * @example node_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  local_node: string;
  /**
   * Whether more than one node is at work.
   * @example false
   */
  enabled: boolean;

  static from(rows: NodeRow[], localNode: string): ClusterResponse {
    return {
      nodes: rows.map(NodeResponse.from),
      is_leader: rows.some((row) => row.id === localNode && row.is_leader),
      local_node: localNode,
      enabled: rows.filter((row) => row.status === 'active' || row.status === 'draining').length > 1,
    };
  }
}
