import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';
import { outsideOfRequest } from '../http/request-context.js';
import { type Hit, hit, MAX_KEYS } from './rate-limit.storage.js';
import type { SharedCounters, SharedWindow } from './shared-counters.js';

const TELL_EVERY_MS = 250;
const SWEEP_EVERY_MS = 60_000;
/** A request waits no longer than this for the other nodes' counts; then this node's own decide. */
const PATIENCE_MS = 300;
/** Windows told in one statement. */
const MOST_AT_ONCE = 1000;
/** A node keeps at most this part of a node's equal share of what is left of a limit to itself. */
const UNTOLD_PART = 1 / 4;

/** Requests that were not told to the others yet. */
interface Batch {
  hits: number;
  /** Set when somebody waits for it: the requests of all nodes before these. */
  before?: Promise<number>;
}
interface Window {
  /** Requests of all nodes, as the database said last. */
  known: number;
  /** Requests of this node that it was told of and has not answered yet. */
  asked: number;
  batch: Batch;
  /** Settles when what was asked is answered. */
  answer: Promise<unknown>;
  endsAt: number;
}

/**
 * Fixed windows in memory, which the nodes of an installation share through the database. A node that is alone never
 * asks it. With others at work, requests are counted here and told every 250 ms; a caller who is fast is told at once,
 * each time that a quarter of this node's share of what is left of the limit is used up, so that close to the limit
 * every request is counted exactly. All nodes together let through at most a quarter of a limit more than it says, and
 * that only in a burst within 250 ms. While the database is away each node counts for itself.
 */
export class SharedRateLimitStorage implements ThrottlerStorage, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('rate limits');
  private readonly windows = new LRUCache<string, Window>({ max: MAX_KEYS });
  private readonly untold = new Map<string, Window>();
  private nodes = 1;
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly counters: SharedCounters,
    private readonly now: () => number = () => performance.now(),
  ) {}

  onApplicationBootstrap(): void {
    this.timers = [
      setInterval(() => void this.tellAll(), TELL_EVERY_MS).unref(),
      setInterval(() => void this.sweep(), SWEEP_EVERY_MS).unref(),
    ];
  }

  onModuleDestroy(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  /** How many nodes are at work, this one included. */
  setNodes(nodes: number): void {
    const [before, alone] = [this.nodes, nodes < 2];
    this.nodes = nodes;
    if (alone) this.untold.clear();
    else if (before < 2)
      for (const [key, window] of this.windows.entries()) if (window.batch.hits) this.untold.set(key, window);
  }

  async increment(key: string, ttl: number, limit: number): Promise<Hit> {
    const window = this.window(key, ttl);
    const { batch, known, asked } = window;
    const ordinal = ++batch.hits;
    const own = asked + ordinal;
    const total =
      known <= limit && own > this.mayKeep(limit - known)
        ? (await this.toldInTime(key, window, batch)) + ordinal
        : known + own;
    return hit(total, limit, Math.max(0, window.endsAt - this.now()));
  }

  /** Tells the others what they do not know yet, and learns of theirs. */
  async tellAll(): Promise<void> {
    if (this.nodes < 2) return;
    const now = this.now();
    const told = new Map<string, { window: Window; hits: number }>();
    for (const [key, window] of this.untold) {
      if (told.size === MOST_AT_ONCE) break;
      this.untold.delete(key);
      if (window.endsAt > now && !window.batch.before) told.set(key, { window, hits: take(window) });
    }
    if (!told.size) return;
    const additions = [...told].map(([key, { window, hits }]) => ({
      key,
      hits,
      windowMs: window.endsAt - now,
    }));
    try {
      for (const shared of await this.counters.add(additions)) {
        const { window, hits } = told.get(shared.key)!;
        this.learn(window, hits, shared);
      }
    } catch (e) {
      this.logger.warn(`not shared now: ${(e as Error).message}`);
      for (const { window, hits } of told.values()) countAlone(window, hits);
    }
  }

  private window(key: string, ttl: number): Window {
    let window = this.windows.get(key);
    if (!window || window.endsAt <= this.now()) {
      window = {
        known: 0,
        asked: 0,
        batch: { hits: 0 },
        answer: Promise.resolve(),
        endsAt: this.now() + ttl,
      };
      this.windows.set(key, window);
    }
    if (this.nodes > 1) this.untold.set(key, window);
    return window;
  }

  private mayKeep(left: number): number {
    return this.nodes < 2 ? Number.POSITIVE_INFINITY : (left / this.nodes) * UNTOLD_PART;
  }

  /** One question at a time for a window; whoever comes meanwhile is part of the next one. */
  private async toldInTime(key: string, window: Window, batch: Batch): Promise<number> {
    batch.before ??= outsideOfRequest(() => this.tell(key, window));
    window.answer = batch.before;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<number>((ok) => {
      timer = setTimeout(() => ok(window.known), PATIENCE_MS);
    });
    return Promise.race([batch.before, patience]).finally(() => clearTimeout(timer));
  }

  /** @returns the requests of all nodes before those of the batch */
  private async tell(key: string, window: Window): Promise<number> {
    await window.answer;
    const hits = take(window);
    this.untold.delete(key);
    try {
      const windowMs = Math.max(1, window.endsAt - this.now());
      const [shared] = await this.counters.add([{ key, hits, windowMs }]);
      this.learn(window, hits, shared!);
      return shared!.hits - hits;
    } catch {
      countAlone(window, hits);
      return window.known - hits;
    }
  }

  /** Answers may come in another order than they were asked for; a window that the database began anew counts from there. */
  private learn(window: Window, told: number, { hits, msLeft }: SharedWindow): void {
    window.asked -= told;
    window.known = hits === told ? hits : Math.max(window.known, hits);
    window.endsAt = this.now() + msLeft;
  }

  private async sweep(): Promise<void> {
    if (this.nodes > 1) await this.counters.sweep().catch(() => undefined);
  }
}

/** The window's requests are told from now on. */
function take(window: Window): number {
  const { hits } = window.batch;
  window.asked += hits;
  window.batch = { hits: 0 };
  return hits;
}

/** The database could not be told. */
function countAlone(window: Window, hits: number): void {
  window.asked -= hits;
  window.known += hits;
}
