import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { BackoffPolicy } from '../../common/backoff.js';
import { Database, DatabaseClock, Notifications, type Transaction } from '../../platform/database/index.js';
import { GuardedClient } from '../../platform/http-client/index.js';
import { type JobControl, Leader, type Periodic, repeat, WorkQueue } from '../../platform/jobs/index.js';
import { Journal } from '../../platform/journal/index.js';
import { Secrets } from '../../platform/security/index.js';
import { SIGNATURE_HEADER, signWebhook } from '../monitoring/index.js';
import { type DeliveryRow, type EndpointRow, WebhooksRepository } from './webhooks.repository.js';

export const SECRET_PURPOSE = 'webhook signing secret';

const TIMEOUT_MS = 10_000;
/** Messages under way from one node: of all tenants, of one, and to one receiver. */
const AT_ONCE = { all: 32, tenant: 4, endpoint: 2 };
const ANSWER_BYTES = 64 * 1024;
const MAX_ATTEMPTS = 16;
const KEPT_DAYS = 30;
const PRUNE_MS = 3_600_000;
/**
 * 10 s, 20 s, 40 s … at most six hours, less the jitter: the sixteen tries are spread over 14 hours at least, so that a
 * receiver that is down for half a day loses nothing.
 */
const BACKOFF: BackoffPolicy = { initialMs: 10_000, maxMs: 6 * 3_600_000 };

/**
 * Sends webhook messages, signed, at least once each: a receiver knows a message again by its id. Only 2xx counts as
 * delivered; 410 Gone switches the endpoint off. While one is off, its messages wait as after a failed try.
 * Receivers that hang hold their tenant's share of the workers only, until the time limit of 10 s.
 */
@Injectable()
export class DeliveryWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly queue: WorkQueue<DeliveryRow>;
  private pruning?: Periodic;

  constructor(
    private readonly database: Database,
    notifications: Notifications,
    private readonly webhooks: WebhooksRepository,
    private readonly client: GuardedClient,
    private readonly secrets: Secrets,
    private readonly leader: Leader,
    private readonly journal: Journal,
    private readonly clock: DatabaseClock,
  ) {
    this.queue = new WorkQueue<DeliveryRow>(database, notifications, {
      table: 'webhook_deliveries',
      concurrency: AT_ONCE.all,
      shares: [
        { column: 'tenant_id', most: AT_ONCE.tenant },
        { column: 'endpoint_id', most: AT_ONCE.endpoint },
      ],
      leaseSeconds: 30,
      maxAttempts: MAX_ATTEMPTS,
      backoff: BACKOFF,
      handle: (row, job) => this.deliver(row, job),
    });
  }

  onApplicationBootstrap(): void {
    this.queue.start();
    this.pruning = repeat('webhook deliveries', PRUNE_MS, async () => {
      if (this.leader.isLeader) await this.leader.lead((tx) => this.webhooks.prune(tx, KEPT_DAYS));
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.pruning?.stop();
    await this.queue.stop();
  }

  /** Looks for messages once `tx` has committed. */
  wake(tx: Transaction): Promise<void> {
    return this.queue.wake(tx);
  }

  private async deliver(row: DeliveryRow, job: JobControl): Promise<void> {
    const endpoint = await this.database.system((tx) =>
      this.webhooks.get(tx, row.tenant_id, row.endpoint_id),
    );
    if (!endpoint) return;
    if (!endpoint.enabled && row.event_type !== 'ping') throw new Error('the webhook is switched off');
    const status = await this.post(row, endpoint, job.signal);
    if (status === 410) await this.disable(endpoint);
    if (status < 200 || status > 299) throw new Error(`the receiver answered ${status}`);
    await job.finish((tx) => this.webhooks.noteDelivered(tx, row.id));
  }

  private async post(row: DeliveryRow, endpoint: EndpointRow, signal: AbortSignal): Promise<number> {
    const at = new Date(this.clock.now());
    const started = performance.now();
    let status: number | null = null;
    try {
      const response = await this.client.fetch(endpoint.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'VeloFlux-Webhooks',
          'x-veloflux-event': row.event_type,
          'x-veloflux-delivery': row.id,
          [SIGNATURE_HEADER]: signWebhook(row.payload, this.secretsOf(endpoint, at), at),
        },
        body: row.payload,
        timeoutMs: TIMEOUT_MS,
        maxBytes: ANSWER_BYTES,
        signal,
      });
      status = response.status;
      return status;
    } finally {
      const ms = Math.round(performance.now() - started);
      await this.database.system((tx) => this.webhooks.noteAttempt(tx, row.id, status, ms));
    }
  }

  private secretsOf(endpoint: EndpointRow, at: Date): string[] {
    const { secret, previous_secret: previous, previous_secret_until: until } = endpoint;
    const good = previous && until && until > at ? [secret, previous] : [secret];
    return good.map((encrypted) => this.secrets.decrypt(encrypted, SECRET_PURPOSE));
  }

  private async disable({ tenant_id: tenantId, id, url }: EndpointRow): Promise<void> {
    await this.database.system(async (tx) => {
      if (!(await this.webhooks.disable(tx, tenantId, id, url))) return;
      await this.journal.record(tx, {
        tenantId,
        action: 'webhook.disabled',
        level: 'warning',
        message: `Webhook '${new URL(url).host}' switched off: the receiver answered 410 Gone`,
        object: { type: 'webhook', id, name: url },
      });
    });
  }
}
