import type { Client } from 'pg';
import { type TestDatabase, testDatabase } from '../../../test/support/database.js';

interface Pool {
  connect(): Promise<Client & { release(error?: Error): void }>;
}

describe('a connection of the pool', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());

  it('may end before its new owner listens', async () => {
    const { master } = db.database.dataSource.driver as unknown as { master: Pool };
    const client = await master.connect();
    const ended = new Error('terminating connection due to administrator command');
    expect(() => client.emit('error', ended)).not.toThrow();
    client.release(ended);
    expect(await db.sql('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
