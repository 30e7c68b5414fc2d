import { Injectable } from '@nestjs/common';
import * as acme from 'acme-client';
import { Environment } from '../../../platform/config/environment.js';
import { Database } from '../../../platform/database/index.js';
import { Leader } from '../../../platform/jobs/index.js';
import { acmeNotConfigured } from '../certificates.errors.js';
import { AcmeRepository } from './acme.repository.js';

const REQUEST_TIMEOUT_MS = 30_000;
/** Between two looks at an order that the authority still works on; 15 looks are some three minutes. */
const POLLING = { backoffAttempts: 15, backoffMin: 1_000, backoffMax: 15_000 };

/** The installation's account with the certificate authority, made when it is needed first. */
@Injectable()
export class AcmeAccounts {
  private opened: Promise<acme.Client> | null = null;

  constructor(
    private readonly database: Database,
    private readonly leader: Leader,
    private readonly accounts: AcmeRepository,
    private readonly environment: Environment,
  ) {
    acme.axios.defaults.timeout = REQUEST_TIMEOUT_MS;
    // A request that failed is repeated with its whole order, later.
    Object.assign(acme.axios.defaults, {
      acmeSettings: {
        ...(acme.axios.defaults as AcmeDefaults).acmeSettings,
        retryMaxAttempts: 1,
        retryDefaultDelay: 1,
      },
    });
  }

  /** A client signed in to the account. @throws AppError 409 without a certificate authority */
  client(): Promise<acme.Client> {
    this.opened ??= this.open().catch((e: unknown) => {
      this.opened = null;
      throw e;
    });
    return this.opened;
  }

  private async open(): Promise<acme.Client> {
    const { ACME_DIRECTORY_URL: directoryUrl, ACME_EMAIL: email } = this.environment;
    if (!directoryUrl) throw acmeNotConfigured();
    const known = await this.database.system((tx) => this.accounts.account(tx, directoryUrl));
    if (known)
      return new acme.Client({
        ...POLLING,
        directoryUrl,
        accountKey: known.privateKey,
        accountUrl: known.accountUrl,
      });
    const accountKey = await acme.crypto.createPrivateEcdsaKey();
    const client = new acme.Client({ ...POLLING, directoryUrl, accountKey });
    await client.createAccount({
      termsOfServiceAgreed: true,
      ...(email && { contact: [`mailto:${email}`] }),
    });
    const account = { directoryUrl, accountUrl: client.getAccountUrl(), privateKey: accountKey.toString() };
    await this.leader.lead((tx) => this.accounts.saveAccount(tx, account));
    return client;
  }
}

/** The part of acme-client's axios settings that its typings leave out. */
interface AcmeDefaults {
  acmeSettings?: Record<string, number>;
}
