import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { offsetOf, Page, type PageRequest } from '../../common/pagination.js';
import { prepared, rowsOf, type Transaction } from '../../platform/database/index.js';

export interface EndpointRow {
  id: string;
  tenant_id: string;
  url: string;
  description: string;
  events: string[];
  enabled: boolean;
  /** Encrypted. */
  secret: string;
  /** Encrypted; signs, too, until its time ends. */
  previous_secret: string | null;
  previous_secret_until: Date | null;
  created_at: Date;
  updated_at: Date;
}

export interface DeliveryRow {
  id: string;
  tenant_id: string;
  endpoint_id: string;
  event_id: string;
  event_type: string;
  /** The body as it is sent, so that every try is the same. */
  payload: string;
  replay_of: string | null;
  response_status: number | null;
  response_ms: number | null;
  state: 'pending' | 'running' | 'done' | 'dead';
  attempts: number;
  available_at: Date;
  last_error: string | null;
  created_at: Date;
  delivered_at: Date | null;
}

export type NewEndpoint = Omit<
  EndpointRow,
  'created_at' | 'updated_at' | 'previous_secret' | 'previous_secret_until'
>;

export type NewDelivery = Pick<
  DeliveryRow,
  'tenant_id' | 'endpoint_id' | 'event_id' | 'event_type' | 'payload'
> & {
  replay_of?: string;
};

const WANTING = prepared(
  `SELECT id FROM webhook_endpoints WHERE tenant_id = $1 AND enabled AND events && ARRAY[$2, '*'] ORDER BY id`,
);

@Injectable()
export class WebhooksRepository {
  async insert(tx: Transaction, row: NewEndpoint): Promise<EndpointRow> {
    const { id, tenant_id, url, description, events, enabled, secret } = row;
    const [made] = await tx.query(
      `INSERT INTO webhook_endpoints (id, tenant_id, url, description, events, enabled, secret)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *`,
      [id, tenant_id, url, description, events, enabled, secret],
    );
    return made;
  }

  async save(tx: Transaction, row: EndpointRow): Promise<EndpointRow> {
    const { id, tenant_id, url, description, events, enabled } = row;
    const { secret, previous_secret, previous_secret_until } = row;
    const [[saved]] = await tx.query(
      `UPDATE webhook_endpoints SET url = $3, description = $4, events = $5, enabled = $6, secret = $7,
         previous_secret = $8, previous_secret_until = $9, updated_at = clock_timestamp()
       WHERE tenant_id = $1 AND id = $2 RETURNING *`,
      [tenant_id, id, url, description, events, enabled, secret, previous_secret, previous_secret_until],
    );
    return saved;
  }

  /** Switches off an endpoint that is still at this address. @returns whether it was on */
  async disable(tx: Transaction, tenantId: string, id: string, url: string): Promise<boolean> {
    const [rows] = await tx.query(
      `UPDATE webhook_endpoints SET enabled = false, updated_at = clock_timestamp()
       WHERE tenant_id = $1 AND id = $2 AND url = $3 AND enabled RETURNING id`,
      [tenantId, id, url],
    );
    return rows.length === 1;
  }

  async count(tx: Transaction, tenantId: string): Promise<number> {
    const [{ n }] = await tx.query('SELECT count(*)::int AS n FROM webhook_endpoints WHERE tenant_id = $1', [
      tenantId,
    ]);
    return n;
  }

  /** As `count`; whoever else would add one waits until the transaction ends. */
  async lockedCount(tx: Transaction, tenantId: string): Promise<number> {
    await tx.query('SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE', [tenantId]);
    return this.count(tx, tenantId);
  }

  async page(tx: Transaction, tenantId: string, request: PageRequest): Promise<Page<EndpointRow>> {
    const rows = await tx.query(
      'SELECT * FROM webhook_endpoints WHERE tenant_id = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3',
      [tenantId, request.limit, offsetOf(request)],
    );
    return new Page(rows, await this.count(tx, tenantId), request.page, request.limit);
  }

  /** Locked until the transaction ends. */
  async lock(tx: Transaction, tenantId: string, id: string): Promise<EndpointRow | null> {
    const [row] = await tx.query(
      'SELECT * FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2 FOR UPDATE',
      [tenantId, id],
    );
    return row ?? null;
  }

  async get(tx: Transaction, tenantId: string, id: string): Promise<EndpointRow | null> {
    const [row] = await tx.query('SELECT * FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2', [
      tenantId,
      id,
    ]);
    return row ?? null;
  }

  async delete(tx: Transaction, tenantId: string, id: string): Promise<void> {
    await tx.query('DELETE FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
  }

  /** Ids of the endpoints that want to hear of this. */
  async wanting(tx: Transaction, tenantId: string, eventType: string): Promise<string[]> {
    const rows = await rowsOf<{ id: string }>(tx, WANTING, tenantId, eventType);
    return rows.map((row) => row.id);
  }

  async addDelivery(tx: Transaction, delivery: NewDelivery): Promise<DeliveryRow> {
    const { tenant_id, endpoint_id, event_id, event_type, payload, replay_of } = delivery;
    const [row] = await tx.query(
      `INSERT INTO webhook_deliveries (id, tenant_id, endpoint_id, event_id, event_type, payload, replay_of)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *`,
      [newId('delivery'), tenant_id, endpoint_id, event_id, event_type, payload, replay_of ?? null],
    );
    return row;
  }

  async deliveries(
    tx: Transaction,
    tenantId: string,
    endpointId: string,
    request: PageRequest,
  ): Promise<Page<DeliveryRow>> {
    const rows = await tx.query(
      `SELECT * FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2
       ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4`,
      [tenantId, endpointId, request.limit, offsetOf(request)],
    );
    const [{ n }] = await tx.query(
      'SELECT count(*)::int AS n FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2',
      [tenantId, endpointId],
    );
    return new Page(rows, n, request.page, request.limit);
  }

  async delivery(
    tx: Transaction,
    tenantId: string,
    endpointId: string,
    id: string,
  ): Promise<DeliveryRow | null> {
    const [row] = await tx.query(
      'SELECT * FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2 AND id = $3',
      [tenantId, endpointId, id],
    );
    return row ?? null;
  }

  /** What a try came to. */
  async noteAttempt(tx: Transaction, id: string, status: number | null, ms: number): Promise<void> {
    await tx.query(
      `UPDATE webhook_deliveries SET response_status = $2, response_ms = $3, attempted_at = clock_timestamp() WHERE id = $1`,
      [id, status, ms],
    );
  }

  async noteDelivered(tx: Transaction, id: string): Promise<void> {
    await tx.query('UPDATE webhook_deliveries SET delivered_at = clock_timestamp() WHERE id = $1', [id]);
  }

  async prune(tx: Transaction, days: number): Promise<void> {
    await tx.query(
      `DELETE FROM webhook_deliveries WHERE created_at < clock_timestamp() - make_interval(days => $1)
       AND state IN ('done', 'dead')`,
      [days],
    );
  }
}
