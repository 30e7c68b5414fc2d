import { Injectable } from '@nestjs/common';
import { offsetOf, Page, type PageRequest } from '../../../common/pagination.js';
import { columnsOf, type Transaction } from '../../../platform/database/index.js';
import type { LogLevel, LogLine } from '../../../platform/observability/index.js';
import { ProgramLogLine } from './program-log-line.entity.js';

export interface ProgramLogFilter {
  level?: LogLevel;
  component?: string;
  /** Text that the message contains, in any case. */
  q?: string;
  from?: Date;
  to?: Date;
}

export type ProgramLogRow = Omit<ProgramLogLine, 'id'>;

const KEPT = '7 days';
const ROWS_A_DELETE = 10_000;
/** Counting stops here: a week's log may have millions of lines. */
const COUNT_UP_TO = 10_000;

const MATCHES = `($1::text IS NULL OR level = $1) AND ($2::text IS NULL OR component = $2)
  AND ($3::text IS NULL OR message ILIKE $3) AND at >= $4 AND at < $5`;

/** The program's own log, of all nodes. All of it takes a system transaction. */
@Injectable()
export class ProgramLogRepository {
  async add(tx: Transaction, node: string, lines: readonly LogLine[]): Promise<void> {
    const column = <T>(pick: (line: LogLine) => T): T[] => lines.map(pick);
    await tx.query(
      `INSERT INTO program_log (at, node, level, component, message, request_id)
       SELECT a, $1, b, c, d, e
       FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[]) AS l (a, b, c, d, e)`,
      [
        node,
        column((line) => line.at.toISOString()),
        column((line) => line.level),
        column((line) => line.component),
        column((line) => storable(line.message)),
        column((line) => line.requestId),
      ],
    );
  }

  /** Newest first; the total is counted up to {@link COUNT_UP_TO}. */
  async page(tx: Transaction, filter: ProgramLogFilter, request: PageRequest): Promise<Page<ProgramLogRow>> {
    const values = [
      filter.level ?? null,
      filter.component ?? null,
      filter.q === undefined ? null : `%${filter.q.replace(/[\\%_]/g, '\\$&')}%`,
      filter.from ?? new Date(0),
      filter.to ?? 'infinity',
    ];
    const items: ProgramLogRow[] = await tx.query(
      `SELECT ${columnsOf(ProgramLogLine)} FROM program_log WHERE ${MATCHES}
       ORDER BY at DESC, id DESC LIMIT $6 OFFSET $7`,
      [...values, request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query(
      `SELECT count(*)::int AS n FROM (SELECT 1 FROM program_log WHERE ${MATCHES} LIMIT ${COUNT_UP_TO}) AS matching`,
      values,
    );
    return new Page(items, n, request.page, request.limit);
  }

  async deleteExpired(tx: Transaction): Promise<void> {
    await tx.query(
      `DELETE FROM program_log WHERE id IN (
         SELECT id FROM program_log WHERE at < clock_timestamp() - interval '${KEPT}' LIMIT ${ROWS_A_DELETE})`,
    );
  }
}

const MAX_MESSAGE = 4000;
/** PostgreSQL stores neither NUL nor lone surrogates. */
const storable = (text: string): string =>
  text.slice(0, MAX_MESSAGE).replaceAll('\u0000', '\uFFFD').toWellFormed();
