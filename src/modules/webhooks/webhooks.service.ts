import { Injectable, type OnModuleInit } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database, DatabaseClock, type Transaction } from '../../platform/database/index.js';
import { GuardedClient } from '../../platform/http-client/index.js';
import { type DomainEvent, Journal } from '../../platform/journal/index.js';
import { randomToken, Secrets } from '../../platform/security/index.js';
import { DeliveryWorker, SECRET_PURPOSE } from './delivery-worker.js';
import type { CreateWebhookEndpointRequest, UpdateWebhookEndpointRequest } from './webhooks.dto.js';
import { deliveryNotFound, endpointNotFound, tooManyEndpoints, urlRefused } from './webhooks.errors.js';
import { type DeliveryRow, type EndpointRow, WebhooksRepository } from './webhooks.repository.js';

const MAX_ENDPOINTS = 20;

/** Where a tenant wants to be told what happened. A message is a row in the transaction of what it tells. */
@Injectable()
export class WebhookEndpointsService implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhooksRepository,
    private readonly worker: DeliveryWorker,
    private readonly journal: Journal,
    private readonly client: GuardedClient,
    private readonly secrets: Secrets,
    private readonly clock: DatabaseClock,
  ) {}

  onModuleInit(): void {
    this.journal.onEvent(async (tx, tenantId, type) => {
      const endpoints = await this.webhooks.wanting(tx, tenantId, type);
      return endpoints.length > 0 ? (event) => this.enqueue(tx, event, endpoints) : null;
    });
  }

  list(tenantId: string, request: PageRequest): Promise<Page<EndpointRow>> {
    return this.database.tenant(tenantId, (tx) => this.webhooks.page(tx, tenantId, request));
  }

  get(tenantId: string, id: string): Promise<EndpointRow> {
    return this.database.tenant(tenantId, (tx) => this.read(tx, tenantId, id));
  }

  /** @throws AppError 403 at the limit, 422 for an address that may not be called */
  async create(tenantId: string, request: CreateWebhookEndpointRequest) {
    this.requireAllowed(request.url);
    const secret = newSecret();
    const row = await this.database.tenant(tenantId, async (tx) => {
      if ((await this.webhooks.lockedCount(tx, tenantId)) >= MAX_ENDPOINTS)
        throw tooManyEndpoints(MAX_ENDPOINTS);
      const made = await this.webhooks.insert(tx, {
        id: newId('webhook'),
        tenant_id: tenantId,
        url: request.url,
        description: request.description ?? '',
        events: request.events,
        enabled: request.enabled ?? true,
        secret: this.secrets.encrypt(secret, SECRET_PURPOSE),
      });
      await this.note(tx, made, 'created');
      return made;
    });
    return { row, secret };
  }

  async update(tenantId: string, id: string, change: UpdateWebhookEndpointRequest): Promise<EndpointRow> {
    if (change.url !== undefined) this.requireAllowed(change.url);
    return this.change(tenantId, id, 'updated', (row) => Object.assign(row, change));
  }

  /** A new secret; for `overlapMs` messages are signed with the old one, too. */
  async rotateSecret(tenantId: string, id: string, overlapMs: number) {
    const secret = newSecret();
    const row = await this.change(tenantId, id, 'secret_rotated', (endpoint) => ({
      ...endpoint,
      secret: this.secrets.encrypt(secret, SECRET_PURPOSE),
      previous_secret: overlapMs ? endpoint.secret : null,
      previous_secret_until: overlapMs ? new Date(this.clock.now() + overlapMs) : null,
    }));
    return { row, secret };
  }

  async delete(tenantId: string, id: string): Promise<void> {
    await this.database.tenant(tenantId, async (tx) => {
      const row = await this.read(tx, tenantId, id);
      await this.webhooks.delete(tx, tenantId, id);
      await this.note(tx, row, 'deleted');
    });
  }

  deliveries(tenantId: string, id: string, request: PageRequest): Promise<Page<DeliveryRow>> {
    return this.database.tenant(tenantId, async (tx) => {
      await this.read(tx, tenantId, id);
      return this.webhooks.deliveries(tx, tenantId, id, request);
    });
  }

  /** Sends a message of the type `ping`, whatever the endpoint subscribed to. */
  ping(tenantId: string, id: string): Promise<DeliveryRow> {
    return this.database.tenant(tenantId, async (tx) => {
      const endpoint = await this.read(tx, tenantId, id);
      const event = { tenantId, type: 'ping', data: { message: 'It works when you read this' } };
      const delivery = await this.webhooks.addDelivery(tx, message(event, newId('event'), endpoint.id));
      await this.worker.wake(tx);
      return delivery;
    });
  }

  /** Sends a message once more, as it was. @throws AppError 404 */
  replay(tenantId: string, id: string, deliveryId: string): Promise<DeliveryRow> {
    return this.database.tenant(tenantId, async (tx) => {
      const original = await this.webhooks.delivery(tx, tenantId, id, deliveryId);
      if (!original) throw deliveryNotFound(deliveryId);
      const { tenant_id, endpoint_id, event_id, event_type, payload } = original;
      const again = { tenant_id, endpoint_id, event_id, event_type, payload, replay_of: original.id };
      const delivery = await this.webhooks.addDelivery(tx, again);
      await this.worker.wake(tx);
      return delivery;
    });
  }

  /** One message for each of these endpoints. */
  private async enqueue(tx: Transaction, event: DomainEvent, endpoints: readonly string[]): Promise<void> {
    const eventId = newId('event');
    const data = typeof event.data === 'function' ? await event.data() : event.data;
    for (const id of endpoints) await this.webhooks.addDelivery(tx, message({ ...event, data }, eventId, id));
    await this.worker.wake(tx);
  }

  private change(
    tenantId: string,
    id: string,
    verb: string,
    apply: (row: EndpointRow) => EndpointRow,
  ): Promise<EndpointRow> {
    return this.database.tenant(tenantId, async (tx) => {
      const row = await this.webhooks.lock(tx, tenantId, id);
      if (!row) throw endpointNotFound(id);
      const saved = await this.webhooks.save(tx, apply(row));
      await this.note(tx, saved, verb);
      return saved;
    });
  }

  private async read(tx: Transaction, tenantId: string, id: string): Promise<EndpointRow> {
    const row = await this.webhooks.get(tx, tenantId, id);
    if (!row) throw endpointNotFound(id);
    return row;
  }

  private requireAllowed(url: string): void {
    const problem = this.client.problemOf(url);
    if (problem) throw urlRefused(problem);
  }

  private note(tx: Transaction, row: EndpointRow, verb: string): Promise<void> {
    return this.journal.record(tx, {
      tenantId: row.tenant_id,
      action: `webhook.${verb}`,
      message: `Webhook '${new URL(row.url).host}' ${verb.replace('_', ' ')}`,
      object: { type: 'webhook', id: row.id, name: row.url },
    });
  }
}

const newSecret = (): string => `whsec_${randomToken()}`;

const message = (event: DomainEvent, eventId: string, endpointId: string) => ({
  tenant_id: event.tenantId,
  endpoint_id: endpointId,
  event_id: eventId,
  event_type: event.type,
  payload: JSON.stringify({
    id: eventId,
    type: event.type,
    created_at: new Date().toISOString(),
    tenant_id: event.tenantId,
    data: event.data,
  }),
});
