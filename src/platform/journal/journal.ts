import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { Database, Notifications, prepared, rowsOf, type Transaction, together } from '../database/index.js';
import { requestContext } from '../http/request-context.js';

export interface JournalEntry {
  /** Tenant concerned; null for the installation itself. */
  tenantId: string | null;
  /** Dotted verb, past tense: `pool.created`, `auth.login_failed`. */
  action: string;
  /** One sentence for people; names the object. No secrets. */
  message: string;
  object?: { type: string; id: string; name?: string };
  level?: 'info' | 'warning' | 'error';
  /**
   * What else of the tenant's routing the change affects, for those that follow it: ids of pools; `hosts` when there is
   * a route to another host now, or another certificate for one.
   */
  affects?: readonly string[];
  /** What changed, without secrets. */
  details?: Record<string, unknown>;
  /** Who did it, when it is not the caller of the current request. */
  actor?: { id: string | null; name: string };
}

export interface ConfigurationChange {
  tenantId: string;
  /** Messages of the entries of this transaction; none when nothing that the tenant configured has changed. */
  summary: string[];
  /** What the entries of this transaction name, in their order. */
  objects: { type: string; id: string }[];
  /** What else they affect, see {@link JournalEntry.affects}. */
  affected: string[];
  actor: { id: string | null; name: string };
}

/**
 * Called inside the changing transaction, just before it commits; hooks run side by side, and send all their statements
 * in the turn in which they are called. The change's number is the one that `config_state` has for them.
 */
export type ConfigurationChangeHook = (tx: Transaction, change: ConfigurationChange) => Promise<void>;

/** Something that others may want to be told of, such as `pool.created` or `alert.fired`. No secrets. */
export interface DomainEvent {
  tenantId: string;
  /** Dotted, past tense. */
  type: string;
  /** Made when somebody wants to be told, where it is not known before. */
  data: Record<string, unknown> | (() => Promise<Record<string, unknown>>);
}
/** Tells those who want to know of an event, as a part of its transaction. */
export type Teller = (event: DomainEvent) => Promise<void>;
/** Who tells those who want to know of such an event of a tenant; null when nobody does. */
export type EventHook = (tx: Transaction, tenantId: string, type: string) => Promise<Teller | null>;

/** Event of a change of a tenant's routing configuration. */
const CHANGED = 'config.changed';
const SYSTEM: ConfigurationChange['actor'] = { id: null, name: 'system' };

export const CONFIGURATION_CHANGED = 'configuration';
export const SECURITY_EVENT = 'security';
/** Payload of the notification {@link CONFIGURATION_CHANGED}. */
export interface ConfigurationChanged {
  tenantId: string;
}
/** Payload of the notification {@link SECURITY_EVENT}. */
export interface SecurityEvent {
  id: string;
  tenantId: string | null;
  action: string;
  message: string;
  level: string;
  actor: string;
  address: string | null;
  at: string;
}

/**
 * The record of what was done: an audit row in the transaction of the change itself, so that there is never one
 * without the other. A change of routing configuration also takes the next number of the installation's
 * configuration version, one a transaction, and tells every node.
 */
@Injectable()
export class Journal {
  private readonly changes = new WeakMap<Transaction, Pending>();
  private readonly hooks: ConfigurationChangeHook[] = [];
  private readonly eventHooks: EventHook[] = [];

  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
  ) {}

  onConfigurationChange(hook: ConfigurationChangeHook): void {
    this.hooks.push(hook);
  }

  /** Calls `hook` for each event: what is emitted, what is recorded of a tenant, and `config.changed`. */
  onEvent(hook: EventHook): void {
    this.eventHooks.push(hook);
  }

  /** Tells of something that leaves no audit row. */
  async emit(tx: Transaction, event: DomainEvent): Promise<void> {
    for (const tell of await this.tellersOf(tx, event.tenantId, event.type)) await tell(event);
  }

  /** Writes the audit row of an event that changes no routing configuration; with the API key when one asked for it. */
  async record(tx: Transaction, entry: JournalEntry): Promise<void> {
    const context = requestContext();
    const principal = context?.principal;
    const actor = entry.actor ?? context?.actor ?? SYSTEM;
    const written = rowsOf(
      tx,
      INSERT_ENTRY,
      newId('audit'),
      entry.tenantId,
      actor.id,
      actor.name,
      context?.address ?? null,
      context?.requestId ?? null,
      entry.action,
      entry.level ?? 'info',
      entry.object?.type ?? null,
      entry.object?.id ?? null,
      entry.object?.name ?? null,
      entry.message,
      { ...entry.details, ...(principal?.kind === 'api_key' && { api_key: principal.sessionId }) },
    );
    if (entry.tenantId === null) await written;
    else await together(written, this.emit(tx, eventOf(entry, entry.tenantId, actor.name)));
  }

  /** As `record`, for what the security channel shows: sign-ins, refusals, changes of role. */
  async recordSecurity(tx: Transaction, entry: JournalEntry): Promise<void> {
    await this.record(tx, entry);
    const context = requestContext();
    await this.notifications.publish(tx, SECURITY_EVENT, {
      id: newId('event'),
      tenantId: entry.tenantId,
      action: entry.action,
      message: entry.message,
      level: entry.level ?? 'info',
      actor: (entry.actor ?? context?.actor)?.name ?? 'anonymous',
      address: context?.address ?? null,
      at: new Date().toISOString(),
    } satisfies SecurityEvent);
  }

  /** As `record`, for a change of a tenant's pools, backends or routes. */
  async recordConfiguration(tx: Transaction, entry: JournalEntry & { tenantId: string }): Promise<void> {
    const { changes } = this.changes.get(tx) ?? this.begin(tx);
    const known = changes.get(entry.tenantId);
    const [tellers] = await together(
      known?.tellers ? undefined : this.tellersOf(tx, entry.tenantId, CHANGED),
      known ? undefined : this.lock(tx, entry.tenantId, 'shared'),
      this.record(tx, entry),
    );
    const change = known ?? pendingChange(entry.tenantId, entry.actor ?? requestContext()?.actor);
    change.tellers ??= tellers;
    change.summary.push(entry.message);
    if (entry.object) change.objects.push(entry.object);
    change.affected.push(...(entry.affects ?? []));
    changes.set(entry.tenantId, change);
  }

  /**
   * Makes every node read the tenant's configuration again although the tenant changed nothing: what is served for it
   * has changed, such as the answer to a challenge. No audit row, no event.
   * @param affects as in {@link JournalEntry.affects}
   */
  async touchConfiguration(tx: Transaction, tenantId: string, affects: readonly string[]): Promise<void> {
    const { changes } = this.changes.get(tx) ?? this.begin(tx);
    const known = changes.get(tenantId);
    if (!known) await this.lock(tx, tenantId, 'shared');
    const change = known ?? pendingChange(tenantId);
    change.affected.push(...affects);
    changes.set(tenantId, change);
  }

  /** The newest version of the configuration that has been committed. */
  async configurationVersion(tx: Transaction): Promise<number> {
    const [row] = await tx.query('SELECT version FROM config_state');
    return Number(row.version);
  }

  /** Keeps everybody else from changing the tenant's configuration until `tx` ends; for work on the whole of it. */
  async lockConfiguration(tx: Transaction, tenantId: string): Promise<void> {
    await this.lock(tx, tenantId, 'exclusive');
  }

  private begin(tx: Transaction): Pending {
    const pending: Pending = { changes: new Map(), version: null };
    this.changes.set(tx, pending);
    this.database.endWith(
      tx,
      () => this.tell(tx, pending),
      () => this.conclude(tx, pending),
    );
    return pending;
  }

  private async tellersOf(tx: Transaction, tenantId: string, type: string): Promise<Teller[]> {
    const tellers = await Promise.all(this.eventHooks.map((hook) => hook(tx, tenantId, type)));
    return tellers.filter((tell) => tell !== null);
  }

  /** What those are told who want to know takes the version, and answers in between. */
  private async tell(tx: Transaction, pending: Pending): Promise<void> {
    for (const { tenantId, tellers, summary, actor } of pending.changes.values()) {
      if (!tellers?.length) continue;
      pending.version ??= this.takeVersion(tx);
      const data = { version: await pending.version, summary: summary.slice(0, 20), actor: actor.name };
      for (const tell of tellers) await tell({ tenantId, type: CHANGED, data });
    }
  }

  private async takeVersion(tx: Transaction): Promise<number> {
    const [row] = await rowsOf<{ version: string }>(tx, NEXT_VERSION);
    return Number(row!.version);
  }

  /**
   * The version is taken last, as its row is locked until the commit: that makes versions follow one another as the
   * commits do, and the wait for it short. What follows leaves with it and finds it in `config_state`.
   */
  private async conclude(tx: Transaction, pending: Pending): Promise<void> {
    const [version] = await together(
      pending.version ?? this.takeVersion(tx),
      ...[...pending.changes.values()].flatMap((change) => [
        ...this.hooks.map((hook) => hook(tx, change)),
        this.notifications.publish(tx, CONFIGURATION_CHANGED, {
          tenantId: change.tenantId,
        } satisfies ConfigurationChanged),
      ]),
    );
    const context = requestContext();
    this.database.afterCommit(tx, () => {
      if (context) context.configVersion = version;
    });
  }

  private async lock(tx: Transaction, tenantId: string, mode: 'shared' | 'exclusive'): Promise<void> {
    await rowsOf(tx, mode === 'shared' ? LOCK_SHARED : LOCK_EXCLUSIVE, tenantId);
  }
}

const INSERT_ENTRY = prepared(
  `INSERT INTO audit_log (id, tenant_id, actor_id, actor_name, address, request_id, action, level,
                          object_type, object_id, object_name, message, details)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
);
const NEXT_VERSION = prepared('UPDATE config_state SET version = version + 1 RETURNING version');
const lockedBy = (lock: string) => prepared(`SELECT ${lock}(hashtextextended('configuration ' || $1, 0))`);
const LOCK_SHARED = lockedBy('pg_advisory_xact_lock_shared');
const LOCK_EXCLUSIVE = lockedBy('pg_advisory_xact_lock');

const eventOf = (entry: JournalEntry, tenantId: string, actor: string): DomainEvent => ({
  tenantId,
  type: entry.action,
  data: { message: entry.message, actor, object: entry.object ?? null, details: entry.details ?? {} },
});

/** What one transaction has changed. */
interface Pending {
  /** By tenant. */
  readonly changes: Map<string, PendingChange>;
  /** Once it is taken. */
  version: Promise<number> | null;
}
interface PendingChange extends ConfigurationChange {
  /** Who wants to know of it; null as long as the tenant itself has changed nothing. */
  tellers: Teller[] | null;
}

const pendingChange = (tenantId: string, actor = SYSTEM): PendingChange => ({
  tenantId,
  summary: [],
  objects: [],
  affected: [],
  actor,
  tellers: null,
});
