import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import type { Transaction } from '../../platform/database/index.js';

/** Rows by table. */
export type RowCounts = Record<string, number>;

export interface BackupRow {
  id: string;
  created_at: Date;
  trigger: 'manual' | 'schedule';
  node: string | null;
  size: number;
  checksum: string;
  rows: RowCounts;
}

export interface BackupJob {
  id: string;
  attempts: number;
}

const COLUMNS = `id, created_at, trigger, node, size::float8 AS size, checksum, rows`;

/** The catalogue of backups; all of it takes a system transaction. */
@Injectable()
export class BackupsRepository {
  async insertFinished(tx: Transaction, backup: Omit<BackupRow, 'created_at'>): Promise<BackupRow> {
    const { id, trigger, node, size, checksum, rows } = backup;
    const [row] = await tx.query(
      `INSERT INTO backups (id, trigger, node, size, checksum, rows, state) VALUES ($1, $2, $3, $4, $5, $6, 'done')
       RETURNING ${COLUMNS}`,
      [id, trigger, node, size, checksum, rows],
    );
    return row;
  }

  /** Enters what a scheduled backup came to. */
  async fill(tx: Transaction, backup: Omit<BackupRow, 'created_at' | 'trigger'>): Promise<void> {
    const { id, node, size, checksum, rows } = backup;
    await tx.query('UPDATE backups SET node = $2, size = $3, checksum = $4, rows = $5 WHERE id = $1', [
      id,
      node,
      size,
      checksum,
      rows,
    ]);
  }

  /** Enqueues a scheduled backup unless one was within the interval. @returns whether it did */
  async enqueueDue(tx: Transaction, id: string, intervalHours: number): Promise<boolean> {
    const rows = await tx.query(
      `INSERT INTO backups (id, trigger) SELECT $1, 'schedule'
       WHERE NOT EXISTS (SELECT 1 FROM backups WHERE trigger = 'schedule'
                         AND created_at > clock_timestamp() - make_interval(hours => $2))
       RETURNING id`,
      [id, intervalHours],
    );
    return rows.length === 1;
  }

  async page(tx: Transaction, request: PageRequest): Promise<Page<BackupRow>> {
    const rows = await tx.query(
      `SELECT ${COLUMNS} FROM backups WHERE checksum IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2`,
      [request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM backups WHERE checksum IS NOT NULL');
    return new Page(rows, n, request.page, request.limit);
  }

  /** Null when there is none or it is not finished. */
  async get(tx: Transaction, id: string): Promise<BackupRow | null> {
    const [row] = await tx.query(`SELECT ${COLUMNS} FROM backups WHERE id = $1 AND checksum IS NOT NULL`, [
      id,
    ]);
    return row ?? null;
  }

  async delete(tx: Transaction, id: string): Promise<void> {
    await tx.query('DELETE FROM backups WHERE id = $1', [id]);
  }

  /** Scheduled backups beyond the newest `keep`. */
  expired(tx: Transaction, keep: number): Promise<BackupRow[]> {
    return tx.query(
      `SELECT ${COLUMNS} FROM backups WHERE trigger = 'schedule' AND checksum IS NOT NULL
       ORDER BY created_at DESC, id DESC OFFSET $1`,
      [keep],
    );
  }
}
