import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import * as acme from 'acme-client';
import { AppError, unavailable } from '../../../common/errors.js';
import { Environment } from '../../../platform/config/environment.js';
import { Notifications } from '../../../platform/database/index.js';
import { Leader, type Periodic, repeat } from '../../../platform/jobs/index.js';
import type { CertificateRow } from '../certificate.js';
import { type KeyPairDetails, readKeyPair, requireServable } from '../key-pair.js';
import { AcmeAccounts } from './acme-accounts.js';
import { AcmeProgress } from './acme-progress.js';
import { ORDER_DUE } from './order-due.js';

const LOOK_EVERY_MS = 30_000;
const AT_ONCE = 4;
/** Longer than an order takes: another leader then begins anew. */
const LEASE_SECONDS = 600;
/** After 1 minute, 10, an hour, 6, then daily: authorities limit failed validations to a few an hour. */
const RETRY_SECONDS = [60, 600, 3600, 21_600, 86_400];
const STOP_WAIT_MS = 2_000;

/**
 * Orders certificates that are due, by the leading node: first ones at once, renewals when a third of the life is left
 * (as https://letsencrypt.org/docs/integration-guide advises). The proof is HTTP-01 (RFC 8555 §8.3): the data plane
 * of every node answers the challenge.
 */
@Injectable()
export class AcmeOrders implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('acme');
  private looking?: Periodic;
  private stopped = false;

  constructor(
    private readonly leader: Leader,
    private readonly notifications: Notifications,
    private readonly accounts: AcmeAccounts,
    private readonly progress: AcmeProgress,
    private readonly environment: Environment,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.environment.ACME_DIRECTORY_URL) return;
    this.looking = repeat('acme orders', LOOK_EVERY_MS, () => this.run());
    this.notifications.on(ORDER_DUE, () => void this.looking?.runNow());
  }

  /** An order that is under way is given up: the next leader begins anew. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    await Promise.race([this.looking?.stop(), sleep(STOP_WAIT_MS, undefined, { ref: false })]);
  }

  /** Orders what is due, a few at once. */
  async run(): Promise<void> {
    const work = async (): Promise<void> => {
      while (this.leader.isLeader && !this.stopped) {
        const row = await this.progress.takeDue(LEASE_SECONDS);
        if (!row) return;
        await this.order(row);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  private async order(row: CertificateRow): Promise<void> {
    try {
      await this.progress.requireServed(row);
      const details = await this.obtain(row);
      await this.progress.issued(row, details, renewalOf(details));
      this.logger.log(
        `${row.id}: issued for ${row.hosts.join(', ')}, until ${details.notAfter.toISOString()}`,
      );
    } catch (e) {
      const retrySeconds = RETRY_SECONDS[Math.min(row.acme_attempts, RETRY_SECONDS.length - 1)]!;
      this.logger.warn(`${row.id}: ${(e as Error).message}; next try in ${retrySeconds} s`);
      await this.progress.failed(row, reasonOf(e), retrySeconds);
    }
  }

  private async obtain(row: CertificateRow): Promise<KeyPairDetails> {
    const client = await this.accounts.client();
    const key = await acme.crypto.createPrivateEcdsaKey();
    const [, csr] = await acme.crypto.createCsr({ altNames: [...row.hosts] }, key);
    const chain = await client.auto({
      csr,
      challengePriority: ['http-01'],
      // The authority's own look is the one that counts; from here the host may lead elsewhere.
      skipChallengeVerification: true,
      challengeCreateFn: async ({ identifier }, challenge, keyAuthorization) => {
        if (challenge.type !== 'http-01')
          throw unavailable('ACME_NO_HTTP', 'the authority offers no HTTP-01');
        const host = identifier.value.toLowerCase();
        await this.progress.publish(row, { host, token: challenge.token, keyAuthorization });
      },
      // All of them go with the end of the order.
      challengeRemoveFn: async () => undefined,
    });
    const details = readKeyPair(chain, key.toString());
    requireServable(details);
    return details;
  }
}

const renewalOf = ({ notBefore, notAfter }: KeyPairDetails): Date =>
  new Date(notAfter.getTime() - (notAfter.getTime() - notBefore.getTime()) / 3);

/** What the tenant may know of it: what the authority says, nothing about the network between or our own parts. */
function reasonOf(error: unknown): string {
  const { message, isAxiosError, code } = error as Error & { isAxiosError?: boolean; code?: string };
  if (isAxiosError) return 'The certificate authority could not be reached';
  if (code !== undefined && !(error instanceof AppError)) return 'The order failed on this side';
  return message.slice(0, 500);
}
