import { Injectable } from '@nestjs/common';
import { AgentCloseCode, type EnrollRequest, type EnrollResponse } from '../../common/agent-protocol.js';
import { notFound } from '../../common/errors.js';
import type { Page, PageRequest } from '../../common/pagination.js';
import { Database, Notifications, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { hashToken, randomToken } from '../../platform/security/index.js';
import { type EnrollmentTokenRow, EnrollmentTokensRepository } from './enrollment-tokens.repository.js';
import { WORKER_CONNECTIONS_ENDED, type WorkerConnectionsEnded } from './worker.events.js';
import { enrollmentRefused, tokenUsed, workerNameTaken } from './workers.errors.js';
import { WorkersRepository } from './workers.repository.js';

/** Without it one token in 64 would begin with a dash, which a command line takes for an option. */
const TOKEN_PREFIX = 'enroll_';

export interface NewEnrollmentToken {
  description: string;
  createdBy: string;
  lifetimeMs: number;
}

/** How machines become workers: a superadmin issues a one-time token, the machine's agent trades it for a credential. */
@Injectable()
export class EnrollmentService {
  constructor(
    private readonly database: Database,
    private readonly notifications: Notifications,
    private readonly journal: Journal,
    private readonly tokens: EnrollmentTokensRepository,
    private readonly workers: WorkersRepository,
  ) {}

  /** @returns the token itself, which is not kept and cannot be shown again, and its row */
  async issue(request: NewEnrollmentToken): Promise<{ token: string; row: EnrollmentTokenRow }> {
    const token = `${TOKEN_PREFIX}${randomToken()}`;
    const row = await this.database.system(async (tx) => {
      const created = await this.tokens.create(tx, { ...request, hash: hashToken(token) });
      await this.record(tx, 'issued', created.id, request.description);
      return created;
    });
    return { token, row };
  }

  list(request: PageRequest): Promise<Page<EnrollmentTokenRow>> {
    return this.database.system((tx) => this.tokens.page(tx, request));
  }

  /** Revoking twice is the same as once. @throws AppError 404; 409 when a worker has enrolled with it */
  async revoke(id: string): Promise<void> {
    await this.database.system(async (tx) => {
      const token = await this.tokens.get(tx, id);
      if (!token) throw notFound('Enrolment token', id);
      if (!(await this.tokens.revoke(tx, id))) throw tokenUsed();
      await this.record(tx, 'revoked', id, token.description);
    });
  }

  /**
   * Makes a machine a worker. A worker of the same name that is offline is that machine again, with a new credential.
   * @throws AppError 401 when the token is not open, 409 when a worker of this name is at work (the token stays open)
   */
  async enroll(request: EnrollRequest, address: string): Promise<EnrollResponse> {
    const credential = randomToken();
    const { name, hostname, platform } = request;
    const workerId = await this.database.system(async (tx) => {
      const tokenId = await this.tokens.consume(tx, hashToken(request.token));
      if (!tokenId) throw enrollmentRefused();
      const entered = await this.workers.enter(tx, {
        name,
        hostname,
        platform,
        address,
        credentialHash: hashToken(credential),
      });
      if (!entered) throw workerNameTaken(name);
      await this.tokens.setWorker(tx, tokenId, { id: entered.id, name });
      if (!entered.isNew) await this.endConnections(tx, entered.id);
      await this.journal.recordSecurity(tx, {
        tenantId: null,
        action: entered.isNew ? 'worker.enrolled' : 'worker.enrolled_again',
        message: `Worker ${name} enrolled${entered.isNew ? '' : ' again'} from ${hostname}`,
        object: { type: 'worker', id: entered.id, name },
        details: { enrollment_token: tokenId },
        actor: { id: entered.id, name },
      });
      return entered.id;
    });
    return { worker_id: workerId, credential };
  }

  private endConnections(tx: Transaction, workerId: string): Promise<void> {
    return this.notifications.publish(tx, WORKER_CONNECTIONS_ENDED, {
      workerId,
      exceptConnectionId: null,
      closeCode: AgentCloseCode.credentialRefused,
    } satisfies WorkerConnectionsEnded);
  }

  private record(tx: Transaction, what: 'issued' | 'revoked', id: string, description: string) {
    return this.journal.recordSecurity(tx, {
      tenantId: null,
      action: `enrollment_token.${what}`,
      message: `Enrolment token ${what}${description && `: ${description}`}`,
      object: { type: 'enrollment_token', id },
    });
  }
}
