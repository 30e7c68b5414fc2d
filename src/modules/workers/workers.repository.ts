import { Injectable } from '@nestjs/common';
import type { HelloFrame, ProcessStatus, ReportFrame } from '../../common/agent-protocol.js';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { columnsOf, type Transaction } from '../../platform/database/index.js';
import { Worker } from './worker.entity.js';
import { hostOf, processOf, SILENT_INTERVALS, type WorkerRow } from './worker.js';

const SILENCE = `make_interval(secs => ${SILENT_INTERVALS} * report_interval_seconds)`;
const STATUS = `CASE
    WHEN connected_at IS NULL OR last_seen < clock_timestamp() - ${SILENCE} THEN 'offline'
    WHEN process ->> 'state' = 'running' THEN 'active' ELSE 'inactive' END`;
const COLUMNS = `${columnsOf(Worker)}, ${STATUS} AS status`;

export interface NewWorker {
  name: string;
  hostname: string;
  platform: string;
  address: string;
  credentialHash: string;
}

/** What became of a write for a connection. */
export type WriteOutcome = 'written' | 'replaced' | 'forgotten';

/** The workers; all of it takes a system transaction, and times are the database's. */
@Injectable()
export class WorkersRepository {
  async page(tx: Transaction, request: PageRequest): Promise<Page<WorkerRow>> {
    const items: WorkerRow[] = await tx.query(
      `SELECT ${COLUMNS} FROM workers ORDER BY name, id LIMIT $1 OFFSET $2`,
      [request.limit, offsetOf(request)],
    );
    return new Page(items, await tx.getRepository(Worker).count(), request.page, request.limit);
  }

  all(tx: Transaction): Promise<WorkerRow[]> {
    return tx.query(`SELECT ${COLUMNS} FROM workers ORDER BY name, id`);
  }

  async get(tx: Transaction, id: string): Promise<WorkerRow | null> {
    const [row] = await tx.query(`SELECT ${COLUMNS} FROM workers WHERE id = $1`, [id]);
    return row ?? null;
  }

  async idOfCredential(tx: Transaction, credentialHash: string): Promise<string | null> {
    const found = await tx
      .getRepository(Worker)
      .findOne({ select: { id: true }, where: { credential_hash: credentialHash } });
    return found?.id ?? null;
  }

  /**
   * Enters a worker. One of the same name that is offline is the same worker with a new credential.
   * @returns its id; null when a worker of that name is there and not offline
   */
  async enter(tx: Transaction, worker: NewWorker): Promise<{ id: string; isNew: boolean } | null> {
    const [row] = await tx.query(
      `INSERT INTO workers AS w (id, name, hostname, platform, ip_address, credential_hash)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (name) DO UPDATE SET hostname = $3, platform = $4, ip_address = $5, credential_hash = $6,
         connection_id = NULL, enrolled_at = clock_timestamp()
         WHERE w.connected_at IS NULL OR w.last_seen < clock_timestamp()
           - make_interval(secs => ${SILENT_INTERVALS} * w.report_interval_seconds)
       RETURNING id, xmax = 0 AS is_new`,
      [newId('worker'), worker.name, worker.hostname, worker.platform, worker.address, worker.credentialHash],
    );
    return row ? { id: row.id, isNew: row.is_new } : null;
  }

  /** @returns its name; null when there is none */
  async forget(tx: Transaction, id: string): Promise<string | null> {
    const [rows] = await tx.query('DELETE FROM workers WHERE id = $1 RETURNING name', [id]);
    return rows[0]?.name ?? null;
  }

  /** The agent opened a connection, which replaces the one before. @returns false when the worker was forgotten */
  async connected(
    tx: Transaction,
    id: string,
    connectionId: string,
    hello: HelloFrame,
    intervalSeconds: number,
  ): Promise<boolean> {
    const [rows] = await tx.query(
      `UPDATE workers SET connection_id = $2, hostname = $3, platform = $4, command = $5, process = $6,
         report_interval_seconds = $7, connected_at = clock_timestamp(), last_seen = clock_timestamp()
       WHERE id = $1 RETURNING id`,
      [
        id,
        connectionId,
        hello.hostname,
        hello.platform,
        hello.command,
        processOf(hello.process),
        intervalSeconds,
      ],
    );
    return rows.length > 0;
  }

  async reported(
    tx: Transaction,
    id: string,
    connectionId: string,
    report: ReportFrame,
    intervalSeconds: number,
  ): Promise<WriteOutcome> {
    const [rows] = await tx.query(
      `UPDATE workers SET process = $3, host = $4, ip_address = coalesce($5, ip_address),
         report_interval_seconds = $6, last_seen = clock_timestamp()
       WHERE id = $1 AND connection_id = $2 RETURNING id`,
      [id, connectionId, processOf(report.process), hostOf(report.host), report.ip_address, intervalSeconds],
    );
    if (rows.length) return 'written';
    return (await this.get(tx, id)) ? 'replaced' : 'forgotten';
  }

  async setProcess(tx: Transaction, id: string, process: ProcessStatus): Promise<void> {
    await tx.query('UPDATE workers SET process = $2, last_seen = clock_timestamp() WHERE id = $1', [
      id,
      processOf(process),
    ]);
  }

  /** The connection ended; does nothing when another one has taken its place. */
  async disconnected(tx: Transaction, id: string, connectionId: string): Promise<void> {
    await tx.getRepository(Worker).update({ id, connection_id: connectionId }, { connection_id: null });
  }

  /** Marks the workers that fell silent, all intervals of it within the last `watchedSeconds`. @returns them */
  async markOffline(tx: Transaction, watchedSeconds: number): Promise<WorkerRow[]> {
    const [rows] = await tx.query(
      `UPDATE workers SET offline_since = last_seen
       WHERE offline_since IS NULL AND connected_at IS NOT NULL AND last_seen < clock_timestamp() - ${SILENCE}
         AND $1 >= ${SILENT_INTERVALS} * report_interval_seconds
       RETURNING ${COLUMNS}`,
      [watchedSeconds],
    );
    return rows;
  }

  /** Unmarks the workers that are back. @returns them */
  async markBack(tx: Transaction): Promise<WorkerRow[]> {
    const [rows] = await tx.query(
      `UPDATE workers SET offline_since = NULL
       WHERE offline_since IS NOT NULL AND last_seen >= clock_timestamp() - ${SILENCE} RETURNING ${COLUMNS}`,
    );
    return rows;
  }
}
