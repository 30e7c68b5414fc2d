import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../platform/jobs/index.js';
import { TrafficReadModel } from '../telemetry/index.js';
import type { Period } from './billing.types.js';
import { UsageRepository } from './usage.repository.js';

const EVERY_MS = 5000;
/** Each run reads this much again: longer than any data plane holds its figures back while all is well. */
const OVERLAP_MS = 10 * 60_000;
/** A node that was cut off from the database brings older minutes late; they are looked for less often. */
const SWEEP_EVERY_MS = 10 * 60_000;
const SWEEP_MS = 48 * 3_600_000;
/** One statement reads no more than this, to stay well within its time limit. */
const STEP_MS = 2 * 3_600_000;

/**
 * Brings what the data planes counted into the ledger of metered usage. A minute's row is the sum of what every node
 * and run reported for it, written as an absolute figure: reading a minute again, after a crash or because a node
 * came late, corrects its row and never adds to it.
 */
@Injectable()
export class UsageCollector implements OnApplicationBootstrap, OnModuleDestroy {
  private periodic: Periodic[] = [];

  constructor(
    private readonly leader: Leader,
    private readonly traffic: TrafficReadModel,
    private readonly usage: UsageRepository,
  ) {}

  onApplicationBootstrap(): void {
    this.periodic = [
      repeat('usage', EVERY_MS, () => this.catchUp()),
      repeat('usage sweep', SWEEP_EVERY_MS, () => this.sweep()),
    ];
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.periodic.map((p) => p.stop()));
  }

  /** From where the last run of any leader ended, up to now. */
  async catchUp(): Promise<void> {
    let done = false;
    while (!done && this.leader.isLeader)
      done = await this.leader.lead(async (tx) => {
        const now = Date.now();
        const reached = Math.min((await this.usage.collectedUntil(tx)).getTime(), now);
        const start = new Date(reached - OVERLAP_MS);
        const end = new Date(Math.min(start.getTime() + STEP_MS, now + OVERLAP_MS));
        await this.collect(tx, { start, end });
        await this.usage.setCollectedUntil(tx, new Date(Math.min(end.getTime(), now)));
        return end.getTime() >= now;
      });
  }

  /** One tenant's minutes of the last hour before `end`, for a period that is about to be closed. */
  async collectBefore(tx: Transaction, tenantId: string, end: Date): Promise<void> {
    await this.collect(tx, { start: new Date(end.getTime() - STEP_MS / 2), end }, tenantId);
  }

  private async sweep(): Promise<void> {
    for (let start = Date.now() - SWEEP_MS; start < Date.now() && this.leader.isLeader; start += STEP_MS)
      await this.leader.lead((tx) =>
        this.collect(tx, { start: new Date(start), end: new Date(start + STEP_MS) }),
      );
  }

  private async collect(tx: Transaction, { start, end }: Period, tenantId: string | null = null) {
    await this.usage.putMinutes(tx, await this.traffic.minutesByTenant(tx, start, end, tenantId));
  }
}
