import { Injectable } from '@nestjs/common';
import { connect } from './connect.js';
import { Database, type Transaction } from './database.js';
import { DatabaseUrl } from './database-url.js';

/**
 * Transactions that may take minutes, such as a backup: on a connection of their own, without the time limit of
 * requests and without taking one of the requests' connections.
 */
@Injectable()
export class LongTransactions {
  constructor(private readonly url: DatabaseUrl) {}

  /** Runs `work` in one transaction that sees the rows of all tenants. */
  async system<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const source = await connect(this.url.value, 1, 0);
    try {
      return await new Database(source).system(work);
    } finally {
      await source.destroy();
    }
  }
}
