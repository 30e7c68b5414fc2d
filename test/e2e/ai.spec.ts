import { newId } from '../../src/common/ids.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { call, startUpstream, type TestUpstream } from '../support/dataplane.js';
import { LiveSocket } from '../support/live.js';
import { COUNTS, LATENCIES } from '../support/real-series.js';
import { newTenant, type SignedInTenant, startServer, type TestServer, unique } from '../support/server.js';
import { until } from '../support/until.js';

const FIVE_MINUTES = 300_000;
const fast = { interval: '200ms', timeout: '150ms' };
/** Lines of the log that the comparison needs of each backend. */
const SUPPORT = 200;

interface Point {
  timestamp: string;
  value: number;
}

/** `count` five-minute points that end five minutes before `end`. */
function series(count: number, value: (i: number) => number, end = Date.now()): Point[] {
  const start = Math.floor(end / FIVE_MINUTES) * FIVE_MINUTES - count * FIVE_MINUTES;
  return Array.from({ length: count }, (_, i) => ({
    timestamp: new Date(start + i * FIVE_MINUTES).toISOString(),
    value: value(i),
  }));
}
const wave = (i: number) => 500 + 300 * Math.sin((2 * Math.PI * i) / 288) + 40 * Math.sin(i * 12.9898);
/** A walk whose steps nobody can foresee; always at the same times, as a model may see a rhythm in them by chance. */
function walk(count: number): Point[] {
  let [level, seed] = [1000, 1];
  const next = () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  const step = () => (level += 10 * (next() + next() + next() - 1.5));
  return series(count, step, Date.UTC(2026, 10, 16));
}
/** So much that a training takes long enough to be met while it runs. */
const LONG = { series: series(12_000, wave), epochs: 100_000 };

describe('AI, over the API', () => {
  let db: TestDatabase;
  let server: TestServer;
  let upstreams: TestUpstream[];
  let busy: SignedInTenant;
  let isOver = false;
  let traffic: Promise<void>;
  /** Had a jump of latency in the minutes before the program started. */
  let odd: SignedInTenant;

  const start = () =>
    startServer({
      env: { DATABASE_URL: db.url, JWT_SECRET: 'j'.repeat(40), ENCRYPTION_KEY: 'e'.repeat(40) },
    });

  beforeAll(async () => {
    db = await testDatabase();
    server = await start();
    upstreams = [
      await startUpstream('fast'),
      await startUpstream('slow', (_, response) => setTimeout(() => response.end('slow'), 40)),
    ];
    odd = await newTenant(server);
    await jump(odd);
    busy = await newTenant(server, 'professional');
    traffic = carry(await site(busy));
  }, 60_000);
  afterAll(async () => {
    isOver = true;
    await traffic.catch(() => undefined);
    await server.stop();
    for (const upstream of upstreams) await upstream.close();
    await db.close();
  }, 60_000);

  /** Two backends behind one host. @returns the host */
  const site = async ({ token }: SignedInTenant) => {
    const client = server.client(token);
    const [name, host] = [unique('pool'), `${unique('site')}.example.com`];
    await client.POST('/api/pools', { body: { name, algorithm: 'round_robin', health_check: fast } });
    for (const { port } of upstreams)
      await client.POST('/api/backends', { body: { address: `127.0.0.1:${port}`, pool: name } });
    await client.POST('/api/routes', { body: { host, pool: name } });
    return host;
  };
  /** Real requests through the data plane until the tests are over. */
  const carry = async (host: string) => {
    const port = Number(new URL(server.proxy).port);
    while (!isOver) await Promise.all([1, 2, 3, 4].map(() => call(port, host)));
  };

  /** Two hours of telemetry of a pool, in the last three minutes of which answers took five times as long. */
  const jump = async ({ token, tenantId }: SignedInTenant) => {
    const { data } = await server
      .client(token)
      .POST('/api/pools', { body: { name: 'odd', algorithm: 'round_robin' } });
    const begin = Math.floor(Date.now() / 60_000) * 60_000 - 120 * 60_000;
    const rows = Array.from({ length: 120 }, (_, i) => ({
      minute: new Date(begin + i * 60_000),
      requests: 200 + COUNTS[i]!,
      latency: LATENCIES[i]! * (i >= 117 ? 5 : 1),
    }));
    await db.sql(
      `INSERT INTO traffic_minutes (tenant_id, minute, run_id, route_id, pool_id, backend_id, requests, status_classes,
         latency_buckets, latency_sum_ms, bytes_in, bytes_out)
       SELECT $1, minute, 'run', 'route', $2, 'b', requests, ARRAY[0, requests, 0, 0, 0], '{}', latency * requests, 0, 0
       FROM jsonb_to_recordset($3) AS r (minute timestamptz, requests bigint, latency float8)`,
      [tenantId, data!.id, JSON.stringify(rows)],
    );
  };

  const api = async (method: string, path: string, token: string, body?: unknown) => {
    const response = await fetch(server.api + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, looked at by field
    return { status: response.status, body: (text ? JSON.parse(text) : null) as any };
  };
  const train = async (token: string, body: object) =>
    (await api('POST', '/api/ai/training/start?model_type=load_predictor', token, body)).body.id as string;
  const run = async (token: string, id: string) => (await api('GET', `/api/ai/training/${id}`, token)).body;
  const reaches = (token: string, id: string, ...statuses: string[]) =>
    until(
      `training to be ${statuses.join(' or ')}`,
      async () => {
        const row = await run(token, id);
        return statuses.includes(row.status) && row;
      },
      30_000,
    );
  const predict = (token: string, input: object) =>
    api('POST', '/api/ai/predict', token, { model: 'load_predictor', input });

  it('has no figure for a tenant without traffic, and says so', async () => {
    const { token } = await newTenant(server);
    const { body } = await api('GET', '/api/ai/algorithm-comparison', token);
    expect(body).toMatchObject({
      basis: 'no recorded traffic',
      sample_size: 0,
      recommended_algorithm: null,
      confidence: null,
    });
    for (const figures of body.algorithms)
      expect(figures).toMatchObject({ p50_ms: null, p99_ms: null, error_rate: null, sample_size: 0 });
    const metrics = (await api('GET', '/api/ai/metrics/detailed', token)).body;
    expect(metrics.prediction_data).toMatchObject({ confidence: 0, predicted_load: 0, basis: 'naive' });
    expect(metrics.model_performance.load_predictor).toMatchObject({
      accuracy: null,
      skill: null,
      n: 0,
      last_trained: null,
    });
    expect(metrics.details.capacity_per_minute).toBeNull();
    expect((await api('GET', '/api/ai/anomalies', token)).body).toEqual([]);
  });

  it('says how much data is needed where there is too little', async () => {
    const { token } = await newTenant(server);
    const { error } = await reaches(token, await train(token, {}), 'failed');
    expect(error).toMatch(/60/);
    expect((await predict(token, { horizon: 3, series: series(10, wave) })).body).toMatchObject({
      code: 'MODEL_NOT_TRAINED',
    });
  });

  it('forecasts a series of the request with the model that was trained, within its interval', async () => {
    const { token } = await newTenant(server);
    const points = series(1500, wave);
    const done = await reaches(
      token,
      await train(token, { series: points.slice(0, 1400), epochs: 3 }),
      'completed',
    );
    expect(done.metrics.mase).toBeLessThan(done.metrics.naive_mase);
    expect(done.metrics.samples).toBeGreaterThan(200);
    const { body } = await predict(token, { horizon: 12, series: points.slice(1400, 1488) });
    expect(body.output.basis).toBe('model');
    expect(body.output.points.map((p: Point) => p.timestamp)).toEqual(
      points.slice(1488).map((p) => p.timestamp),
    );
    const error = points.slice(1488).map((p, i) => Math.abs(p.value - body.output.points[i].value));
    expect(error.reduce((sum, e) => sum + e, 0) / 12).toBeLessThan(50);
    expect((await predict(token, { horizon: 289 })).status).toBe(422);
  });

  it('does not serve a model that loses to the naive forecast on its hold-out', async () => {
    const { token } = await newTenant(server);
    await api('PUT', '/api/ai/config', token, { model_type: 'neural_network' });
    const points = walk(700);
    const done = await reaches(token, await train(token, { series: points, epochs: 2 }), 'completed');
    expect(done.metrics).toMatchObject({ served_by: 'naive', skill: 0 });
    const { body } = await predict(token, { horizon: 1, series: points });
    expect(body.output.points[0].value).toBeCloseTo(points.at(-1)!.value, 6);
  });

  it('has an accuracy, beside its baseline, from 30 settled forecasts on', async () => {
    const { token, tenantId } = await newTenant(server);
    const settle = (from: number, to: number) =>
      db.sql(
        `INSERT INTO ai_settled_forecasts (tenant_id, target, version, value, lower, upper, naive, actual)
         SELECT $1, clock_timestamp() - n * interval '5 minutes', 1, 95, 85, 105, 80, 100 FROM generate_series($2::int, $3::int) n`,
        [tenantId, from, to],
      );
    const performance = async () =>
      (await api('GET', '/api/ai/metrics', token)).body.model_performance.load_predictor;
    await settle(1, 29);
    expect(await performance()).toMatchObject({
      accuracy: null,
      baseline_accuracy: null,
      skill: null,
      n: 29,
    });
    await settle(30, 30);
    const { accuracy, baseline_accuracy, skill, n } = await performance();
    expect(n).toBe(30);
    expect(accuracy).toBeCloseTo(0.95);
    expect(baseline_accuracy).toBeCloseTo(0.8);
    expect(skill).toBeCloseTo(0.75);
  });

  it('stops a training that runs, and says so on the channel', async () => {
    const { token } = await newTenant(server, 'enterprise');
    const live = await LiveSocket.open(server.api, `/api/ws/ai?token=${token}`);
    const id = await train(token, LONG);
    await reaches(token, id, 'running');
    const event = await live.next(
      'progress',
      ({ type, data }) =>
        type === 'ai_training' &&
        (data as { training: { id: string; status: string } }).training.status === 'running',
    );
    expect((event.data as { training: object }).training).toMatchObject({ id, model_type: 'load_predictor' });
    expect((await api('POST', `/api/ai/training/${id}/stop`, token)).status).toBe(200);
    const stopped = await reaches(token, id, 'stopped');
    expect(stopped.finished_at).not.toBeNull();
    live.close();
  });

  it('lets a tenant’s one training go before another tenant’s many', async () => {
    const [greedy, modest] = [await newTenant(server, 'enterprise'), await newTenant(server)];
    const body = { series: series(400, wave), epochs: 1 };
    const many: string[] = [];
    for (let i = 0; i < 5; i++) many.push(await train(greedy.token, body));
    const one = await reaches(modest.token, await train(modest.token, body), 'completed');
    const last = await run(greedy.token, many.at(-1)!);
    expect(last.started_at === null || last.started_at > one.started_at).toBe(true);
    await api('POST', '/api/ai/training/stop', greedy.token);
  });

  it('finds the jump of latency: in the list, as an alert, on the channel, and for nobody else', async () => {
    const { token } = odd;
    // the leader looks once a minute, at the latest ten seconds after it is over
    const [found] = await until(
      'the finding',
      async () => {
        const { body } = await api('GET', '/api/ai/anomalies?pool=odd&metric=latency&min_score=0.5', token);
        return body.length > 0 && body;
      },
      80_000,
    );
    expect(found).toMatchObject({ metric: 'latency', pool: 'odd', node: null, ended_at: null });
    expect(found.value).toBeGreaterThan(found.expected.upper);
    expect(found.around.length).toBeGreaterThan(30);
    expect((await api('GET', `/api/ai/anomalies/${found.id}`, token)).body).toMatchObject({ id: found.id });
    const [alert] = (await api('GET', '/api/alerts?component=anomaly', token)).body;
    expect(alert).toMatchObject({
      severity: 'WARNING',
      state: 'firing',
      labels: { pool: 'odd', anomaly_id: found.id },
    });
    const live = await LiveSocket.open(server.api, `/api/ws/ai?token=${token}`);
    const { data } = await live.next('the state', ({ type }) => type === 'ai');
    expect(data).toMatchObject({ status: 'active', anomalies: [{ id: found.id }] });
    live.close();
    expect((await api('GET', `/api/ai/anomalies/${found.id}`, busy.token)).status).toBe(404);
    expect((await api('GET', '/api/ai/anomalies?metric=mood', token)).status).toBe(422);
  }, 100_000);

  it('compares the algorithms on traffic that came through the proxy, and recommends one with its confidence', async () => {
    const lines = () =>
      db.sql('SELECT count(*)::int AS n FROM access_log WHERE tenant_id = $1 GROUP BY backend_id', [
        busy.tenantId,
      ]);
    await until(
      'enough of the access log',
      async () => {
        const counts = (await lines()).map(({ n }) => Number(n));
        return counts.length === 2 && counts.every((n) => n > SUPPORT);
      },
      30_000,
    );
    const { body } = await api('GET', '/api/ai/algorithm-comparison', busy.token);
    expect(body.sample_size).toBeGreaterThan(2 * SUPPORT);
    expect(body.basis).toMatch(/^observational: .* chosen by round_robin/);
    const p50 = new Map<string, number>();
    for (const { algorithm, p50_ms, p99_ms, error_rate, sample_size } of body.algorithms) {
      expect(sample_size).toBe(body.sample_size);
      expect(p99_ms).toBeGreaterThanOrEqual(p50_ms);
      expect(error_rate).toBe(0);
      p50.set(algorithm, p50_ms);
    }
    expect(p50.get('least_response_time')).toBeLessThan(p50.get('round_robin')!);
    expect(p50.has(body.recommended_algorithm)).toBe(true);
    expect(body.confidence).toBeGreaterThan(0);
    const metrics = (await api('GET', '/api/ai/metrics', busy.token)).body;
    expect(metrics.current_algorithm).toBe('round_robin');
    expect(metrics.prediction_data).toMatchObject({
      recommended_algorithm: body.recommended_algorithm,
      confidence: body.confidence,
    });
    expect(metrics.prediction_data.optimal_backends[0]).toBe(`127.0.0.1:${upstreams[0]!.port}`);
  });

  it('takes a training up again when its node was killed, and fails one with the reason after three tries', async () => {
    const { token, tenantId } = await newTenant(server, 'enterprise');
    const id = await train(token, LONG);
    await reaches(token, id, 'running');
    isOver = true;
    await server.kill();
    // the lease of a dead node runs out by itself after 20 s
    await db.sql(`UPDATE ai_training_runs SET leased_until = clock_timestamp() WHERE id = $1`, [id]);
    const cursed = newId('training');
    await db.sql(
      `INSERT INTO ai_training_runs (id, tenant_id, model_type, trigger, status, state, attempts, leased_until)
       VALUES ($1, $2, 'load_predictor', 'request', 'running', 'running', 3, clock_timestamp())`,
      [cursed, tenantId],
    );
    server = await start();
    await until('another attempt', async () => {
      const [row] = await db.sql(
        `SELECT attempts FROM ai_training_runs WHERE id = $1 AND state = 'running' AND leased_until > clock_timestamp()`,
        [id],
      );
      return row?.attempts === 2;
    });
    expect((await run(token, id)).status).toBe('running');
    await api('POST', `/api/ai/training/${id}/stop`, token);
    await reaches(token, id, 'stopped');
    const given = await reaches(token, cursed, 'failed');
    expect(given.error).toMatch(/given up after 3 tries/);
  });
});
