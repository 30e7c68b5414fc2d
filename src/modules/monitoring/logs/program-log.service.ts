import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { PRODUCT_VERSION } from '../../../common/version.js';
import { Database } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import { type LogLine, onLogLine } from '../../../platform/observability/index.js';
import { NodesService } from '../../cluster/index.js';
import { type ProgramLogFilter, ProgramLogRepository, type ProgramLogRow } from './program-log.repository.js';

const FLUSH_MS = 1000;
const SWEEP_MS = 600_000;
const LINES_A_WRITE = 500;
/** Kept in memory while the database is away; older lines go. Standard output has them all. */
const MAX_WAITING = 5000;

/** The program's own log in the database, to be searched by operators. It never logs about itself. */
@Injectable()
export class ProgramLogService implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  private waiting: LogLine[] = [];
  private dropped = 0;
  private unsubscribe?: () => void;
  private flushing?: Periodic;
  private sweeping?: Periodic;

  constructor(
    private readonly database: Database,
    private readonly log: ProgramLogRepository,
    private readonly nodes: NodesService,
    private readonly leader: Leader,
  ) {}

  onModuleInit(): void {
    this.unsubscribe = onLogLine((line) => this.take(line));
  }

  onApplicationBootstrap(): void {
    this.flushing = repeat('log', FLUSH_MS, () => this.flush());
    this.sweeping = repeat('log retention', SWEEP_MS, async () => {
      if (this.leader.isLeader) await this.leader.lead((tx) => this.log.deleteExpired(tx));
    });
    Logger.log(`VeloFlux ${PRODUCT_VERSION} starts on node ${this.nodes.name}`, 'system');
  }

  /** While the database still answers. */
  async beforeApplicationShutdown(): Promise<void> {
    this.unsubscribe?.();
    await this.sweeping?.stop();
    await this.flushing?.stop();
    await this.flush();
  }

  search(filter: ProgramLogFilter, request: PageRequest): Promise<Page<ProgramLogRow>> {
    return this.database.system((tx) => this.log.page(tx, filter, request));
  }

  private take(line: LogLine): void {
    this.waiting.push(line);
    if (this.waiting.length <= MAX_WAITING) return;
    const excess = this.waiting.length - MAX_WAITING;
    this.waiting.splice(0, excess);
    this.dropped += excess;
  }

  private async flush(): Promise<void> {
    while (this.waiting.length) {
      const lines = this.waiting.slice(0, LINES_A_WRITE);
      const { dropped } = this;
      if (dropped) lines.unshift(gap(dropped, lines[0]!.at));
      try {
        await this.database.system((tx) => this.log.add(tx, this.nodes.name, lines));
      } catch {
        return; // the lines wait for the next flush
      }
      const written = new Set(lines);
      this.waiting = this.waiting.filter((line) => !written.has(line));
      this.dropped -= dropped;
    }
  }
}

const gap = (count: number, at: Date): LogLine => ({
  at,
  level: 'WARNING',
  component: 'LOG',
  message: `${count} older lines are missing here: the database was away`,
  requestId: null,
});
