import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import { newId } from '../../../common/ids.js';
import { TrainingRepository } from './training.repository.js';

describe('a training', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  afterAll(() => db.close());

  it('that is stopped after it was taken from the queue does not begin', async () => {
    const [tenantId, id] = [newId('tenant'), newId('training')];
    await db.sql('INSERT INTO tenants (id, name) VALUES ($1, $1)', [tenantId]);
    await db.sql(
      `INSERT INTO ai_training_runs (id, tenant_id, model_type, trigger, status, state)
       VALUES ($1, $2, 'load_predictor', 'request', 'pending', 'running')`,
      [id, tenantId],
    );
    const runs = new TrainingRepository();
    expect(await db.database.system((tx) => runs.requestStop(tx, tenantId, null))).toEqual([id]);
    expect(await db.database.system((tx) => runs.begin(tx, id))).toBe(false);
    expect(await db.sql('SELECT status FROM ai_training_runs WHERE id = $1', [id])).toEqual([
      { status: 'stopped' },
    ]);
  });
});
