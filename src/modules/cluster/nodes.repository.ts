import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

/** One running instance of this program, as it last reported itself. */
export interface NodeRow {
  id: string;
  name: string;
  address: string;
  status: 'active' | 'draining' | 'stopped';
  engine: string;
  program_version: string;
  applied_version: number;
  apply_error: string | null;
  started_at: Date;
  last_seen: Date;
  /** Whether it reported itself within {@link ALIVE_SECONDS}. */
  alive: boolean;
}

/** A node that is silent for longer counts as gone: nobody waits for it. */
export const ALIVE_SECONDS = 4;
const FORGET_AFTER = '7 days';

const ALIVE = `status <> 'stopped' AND last_seen > clock_timestamp() - interval '${ALIVE_SECONDS} seconds'`;
const COLUMNS = `id, name, address, status, engine, program_version, applied_version::int AS applied_version,
  apply_error, started_at, last_seen, (${ALIVE}) AS alive`;

type Registration = Pick<NodeRow, 'id' | 'name' | 'address' | 'engine' | 'program_version'>;
type Report = Pick<NodeRow, 'status' | 'applied_version' | 'apply_error'>;

@Injectable()
export class NodesRepository {
  /** Makes this run's row; an earlier run of the same node is replaced. */
  async register(tx: Transaction, node: Registration): Promise<void> {
    await tx.query(`DELETE FROM control_plane_nodes WHERE last_seen < clock_timestamp() - interval '${FORGET_AFTER}'`);
    await tx.query(
      `INSERT INTO control_plane_nodes (id, name, address, status, engine, program_version)
       VALUES ($1, $2, $3, 'active', $4, $5)
       ON CONFLICT (id) DO UPDATE SET name = $2, address = $3, status = 'active', engine = $4, program_version = $5,
         applied_version = 0, apply_error = NULL, started_at = clock_timestamp(), last_seen = clock_timestamp()`,
      [node.id, node.name, node.address, node.engine, node.program_version],
    );
  }

  async report(tx: Transaction, id: string, report: Report): Promise<void> {
    await tx.query(
      `UPDATE control_plane_nodes SET status = $2, applied_version = $3, apply_error = $4, last_seen = clock_timestamp()
       WHERE id = $1`,
      [id, report.status, report.applied_version, report.apply_error],
    );
  }

  list(tx: Transaction): Promise<NodeRow[]> {
    return tx.query(`SELECT ${COLUMNS} FROM control_plane_nodes ORDER BY name, id`);
  }

  /** Nodes that are alive and do not run `version` yet. */
  behind(tx: Transaction, version: number): Promise<NodeRow[]> {
    return tx.query(
      `SELECT ${COLUMNS} FROM control_plane_nodes WHERE ${ALIVE} AND applied_version < $1 ORDER BY name, id`,
      [version],
    );
  }
}
