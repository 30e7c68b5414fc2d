import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { AlertsService } from '../monitoring/index.js';
import type { WorkerRow } from './worker.js';

const fingerprintOf = (workerId: string) => `worker_offline:${workerId}`;

/** Alerts of workers that fell silent. */
@Injectable()
export class WorkerAlerts {
  constructor(private readonly alerts: AlertsService) {}

  async offline(tx: Transaction, { id, name, last_seen }: WorkerRow): Promise<void> {
    await this.alerts.fireIn(tx, {
      fingerprint: fingerprintOf(id),
      severity: 'CRITICAL',
      component: 'WORKER',
      message: `Worker ${name} is offline: nothing came from it since ${last_seen.toISOString()}`,
      labels: { worker_id: id, worker: name },
    });
  }

  /** It is back, or nobody waits for it any more. */
  async resolve(tx: Transaction, workerId: string): Promise<void> {
    await this.alerts.resolveIn(tx, fingerprintOf(workerId));
  }
}
