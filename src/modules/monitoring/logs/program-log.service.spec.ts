import { type TestDatabase, testDatabase } from '../../../../test/support/database.js';
import { until } from '../../../../test/support/until.js';
import type { Database } from '../../../platform/database/index.js';
import type { Leader } from '../../../platform/jobs/index.js';
import { AppLogger } from '../../../platform/observability/index.js';
import type { NodesService } from '../../cluster/index.js';
import { LogLineResponse } from './logs.dto.js';
import { type ProgramLogFilter, ProgramLogRepository } from './program-log.repository.js';
import { ProgramLogService } from './program-log.service.js';

const nodes = { name: 'node-1' } as NodesService;
const leader = { isLeader: false } as Leader;
const PAGE = { page: 1, limit: 100 };

describe('ProgramLogService', () => {
  let db: TestDatabase;
  let log: ProgramLogService;
  const logger = new AppLogger('debug', { write: () => undefined });

  const start = (database: Pick<Database, 'system'>) => {
    log = new ProgramLogService(database as Database, new ProgramLogRepository(), nodes, leader);
    log.onModuleInit();
    log.onApplicationBootstrap();
  };

  beforeAll(async () => {
    db = await testDatabase();
  }, 60_000);
  beforeEach(() => db.sql('TRUNCATE program_log'));
  afterEach(() => log.beforeApplicationShutdown());
  afterAll(() => db.close());

  const found = async (filter: ProgramLogFilter) =>
    (await log.search(filter, PAGE)).items.map((line) => line.message);

  it('is searched by level, component, text and time, newest first', async () => {
    start(db.database);
    logger.log('worker-001 connected', 'workers');
    logger.warn('100 % full', 'disk');
    logger.error('broken', new Error('pipe'), 'disk');
    logger.debug('a\u0000b', 'odd');
    await until('the lines', async () => (await found({})).length >= 4);
    expect((await found({})).slice(0, 3)).toEqual(['a\uFFFDb', 'broken: pipe', '100 % full']);
    expect(await found({ level: 'WARNING' })).toEqual(['100 % full']);
    expect(await found({ component: 'WORKERS' })).toEqual(['worker-001 connected']);
    expect(await found({ q: 'CONNECTED' })).toEqual(['worker-001 connected']);
    expect(await found({ q: '%' })).toEqual(['100 % full']);
    expect(await found({ from: new Date(Date.now() + 60_000) })).toEqual([]);
    expect(await found({ to: new Date(Date.now() - 60_000) })).toEqual([]);
  });

  it('keeps lines while the database is away, says how many it had to drop, and logs nothing about it', async () => {
    let away = true;
    start({
      system: (work) =>
        away ? Promise.reject(new Error('Connection terminated')) : db.database.system(work),
    });
    for (let i = 0; i < 6000; i++) logger.log(`line ${i}`, 'test');
    away = false;
    await until('all lines', async () => (await log.search({}, PAGE)).total > 5000);
    expect(await found({ q: 'older lines are missing' })).toHaveLength(1);
    expect((await found({ component: 'TEST' }))[0]).toBe('line 5999');
    expect(await found({ q: 'line 999' })).toEqual([]);
  });

  it('shows a line as one text, in UTC', () => {
    const row = {
      at: new Date('2024-01-15T10:25:00.123Z'),
      node: 'node-1',
      level: 'INFO' as const,
      component: 'SYSTEM',
      message: 'Worker worker-001 connected',
      request_id: null,
    };
    expect(LogLineResponse.from(row).raw).toBe(
      '[2024-01-15 10:25:00] [INFO] [SYSTEM] Worker worker-001 connected',
    );
  });
});
