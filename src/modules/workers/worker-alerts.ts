import { Injectable, Logger } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';

/** Tells operators of workers that fell silent. */
@Injectable()
export class WorkerAlerts {
  private readonly logger = new Logger('workers');

  async offline(_tx: Transaction, worker: { id: string; name: string }): Promise<void> {
    this.logger.warn(`worker ${worker.name} is offline`);
  }

  async back(_tx: Transaction, worker: { id: string; name: string }): Promise<void> {
    this.logger.log(`worker ${worker.name} is back`);
  }
}
