import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { BackoffPolicy } from '../../../common/backoff.js';
import { badRequest } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Environment } from '../../../platform/config/environment.js';
import { Database, Notifications, type Transaction } from '../../../platform/database/index.js';
import { WorkQueue } from '../../../platform/jobs/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { AlertsService } from '../../monitoring/index.js';
import { StripeEvents } from '../stripe/stripe-events.service.js';
import { verifySignature } from './signature.js';
import {
  type EventState,
  type NewStripeEvent,
  type StripeEventRow,
  StripeEventsRepository,
} from './stripe-events.repository.js';

const CONCURRENCY = 6;
const LEASE_SECONDS = 6;
const MAX_ATTEMPTS = 8;
/** Eight tries within 41 minutes at most and 20 at least: 0.5 s, 2 s, 8 s … 512 s, 1800 s, less the jitter. */
const BACKOFF: BackoffPolicy = { initialMs: 500, maxMs: 1_800_000, factor: 4 };

/** Takes deliveries in and sees that each event is handled once. */
@Injectable()
export class WebhooksService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly queue: WorkQueue<StripeEventRow>;

  constructor(
    private readonly database: Database,
    notifications: Notifications,
    private readonly events: StripeEventsRepository,
    handler: StripeEvents,
    private readonly journal: Journal,
    private readonly environment: Environment,
    private readonly alerts: AlertsService,
  ) {
    this.queue = new WorkQueue(database, notifications, {
      table: 'stripe_events',
      concurrency: CONCURRENCY,
      leaseSeconds: LEASE_SECONDS,
      maxAttempts: MAX_ATTEMPTS,
      backoff: BACKOFF,
      handle: (row, job) => handler.handle(row, job),
      onDead: (tx, row, error) => this.gaveUp(tx, row, error),
    });
  }

  onApplicationBootstrap(): void {
    this.queue.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.queue.stop();
  }

  /**
   * Answers when the event is stored: from then on it will be handled, whatever happens to this process.
   * @throws AppError 400 for a bad signature or no event; 503 while no secret is configured
   */
  async receive(payload: Buffer | undefined, signature: string | undefined) {
    const body = payload ?? Buffer.alloc(0);
    verifySignature(body, signature, this.environment.STRIPE_WEBHOOK_SECRET);
    const event = readEvent(body);
    const { state, deliveries } = await this.database.system(async (tx) => {
      const stored = await this.events.put(tx, event);
      if (stored.deliveries === 1) await this.queue.wake(tx);
      return stored;
    });
    return { event_id: event.id, state, duplicate: deliveries > 1 };
  }

  list(state: EventState | null, request: PageRequest): Promise<Page<StripeEventRow>> {
    return this.database.system((tx) => this.events.page(tx, state, request));
  }

  /** Handles it once more, as if it had just come. Harmless for one that was applied. @throws AppError 404 */
  replay(id: string): Promise<StripeEventRow> {
    return this.database.system(async (tx) => {
      const row = await this.events.replay(tx, id);
      await this.journal.record(tx, {
        tenantId: null,
        action: 'webhook.replayed',
        message: `Webhook event ${id} (${row.type}) replayed`,
        object: { type: 'webhook_event', id },
      });
      await this.alerts.resolveIn(tx, deadEvent(id));
      await this.queue.wake(tx);
      return row;
    });
  }

  private async gaveUp(tx: Transaction, row: StripeEventRow, error: Error): Promise<void> {
    const message = `Webhook event ${row.id} (${row.type}) failed ${row.attempts} times: ${error.message}`;
    await this.alerts.fireIn(tx, {
      fingerprint: deadEvent(row.id),
      severity: 'CRITICAL',
      component: 'BILLING',
      message,
    });
    await this.journal.record(tx, {
      tenantId: null,
      action: 'webhook.dead',
      level: 'error',
      message,
      object: { type: 'webhook_event', id: row.id },
    });
  }
}

const deadEvent = (id: string): string => `webhook_dead:${id}`;

const MAX_ID = 255;

/** PostgreSQL stores neither NUL nor half a character; an event with one is no reason to refuse it for days. */
const storable = (_key: string, value: unknown): unknown =>
  typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\ufffd') : value;

function jsonOf(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'), storable);
  } catch {
    return null;
  }
}

/** Reads only what the inbox needs; what the object looks like is for the handler to judge. */
function readEvent(payload: Buffer): NewStripeEvent {
  // a body of another type than JSON comes unread
  const event = jsonOf(payload) as Record<string, unknown> | null;
  const { id, type, created } = event ?? {};
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID || typeof type !== 'string')
    throw badRequest('INVALID_EVENT', 'The body is no Stripe event: it needs id and type');
  const object = (event?.data as { object?: Record<string, unknown> } | undefined)?.object;
  const seconds =
    typeof created === 'number' && created >= 0 && created < 2 ** 32 ? created : Date.now() / 1000;
  const word = (value: unknown) => (typeof value === 'string' ? value.slice(0, MAX_ID) : null);
  return {
    id,
    type: type.slice(0, MAX_ID),
    object_type: word(object?.object),
    object_id: word(object?.id),
    api_version: word(event?.api_version),
    livemode: typeof event?.livemode === 'boolean' ? event.livemode : null,
    created: new Date(Math.floor(seconds) * 1000),
    payload: event!,
  };
}
