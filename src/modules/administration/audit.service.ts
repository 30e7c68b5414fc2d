import { Injectable } from '@nestjs/common';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import type { Principal } from '../../platform/security/index.js';
import { AuditEntryResponse } from './audit.dto.js';
import { type AuditCursor, type AuditFilter, AuditRepository, type AuditRow } from './audit.repository.js';

const BATCH = 500;
const CSV_FIELDS = [
  'timestamp',
  'tenant_id',
  'actor',
  'actor_id',
  'address',
  'request_id',
  'action',
  'level',
  'object_type',
  'object_id',
  'object_name',
  'message',
] as const satisfies (keyof AuditEntryResponse)[];

/** What was done, by whom, to what: of one's tenant, or of the installation for superadmins. */
@Injectable()
export class AuditService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditRepository,
  ) {}

  async search(
    principal: Principal,
    filter: AuditFilter,
    page: PageRequest,
  ): Promise<Page<AuditEntryResponse>> {
    const found = await this.seenBy(principal, filter, (tx, own) => this.audit.page(tx, own, page));
    return found.map(AuditEntryResponse.from);
  }

  /** Every entry that matches, the oldest first, read in small transactions as the reader takes them. */
  async *export(principal: Principal, filter: AuditFilter, format: 'csv' | 'ndjson'): AsyncGenerator<string> {
    if (format === 'csv') yield `${CSV_FIELDS.join(',')}\r\n`;
    let cursor: AuditCursor | null = null;
    for (;;) {
      const place: AuditCursor | null = cursor;
      const rows: (AuditRow & { cursor_at: string })[] = await this.seenBy(principal, filter, (tx, own) =>
        this.audit.after(tx, own, place, BATCH),
      );
      const entries = rows.map(AuditEntryResponse.from);
      yield entries.map((e) => (format === 'csv' ? csvLine(e) : `${JSON.stringify(e)}\n`)).join('');
      const last = rows.at(-1);
      if (rows.length < BATCH || !last) return;
      cursor = { at: last.cursor_at, id: last.id };
    }
  }

  private seenBy<T>(
    principal: Principal,
    filter: AuditFilter,
    read: (tx: Transaction, filter: AuditFilter) => Promise<T>,
  ): Promise<T> {
    if (principal.role === 'superadmin') return this.database.system((tx) => read(tx, filter));
    const { tenantId } = principal;
    return this.database.tenant(tenantId, (tx) => read(tx, { ...filter, tenantId }));
  }
}

/** RFC 4180; a leading character that spreadsheets take for a formula is defused. */
function csvLine(entry: AuditEntryResponse): string {
  const cells = CSV_FIELDS.map((field) => {
    const text = String(entry[field] ?? '');
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return `${cells.join(',')}\r\n`;
}
