import { caller } from '../support/api.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { newTenant, type SignedInTenant, startServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const MINUTE = 60_000;
const STEP = 5 * MINUTE;
interface Point {
  timestamp: string;
  value: number;
}

/** Five-minute points that end where the running step begins. */
function series(count: number, value: (i: number) => number, endsAt = Math.floor(Date.now() / STEP) * STEP) {
  return Array.from({ length: count }, (_, i) => ({
    timestamp: new Date(endsAt - (count - i) * STEP).toISOString(),
    value: value(i),
  }));
}
const NEGATIVE = series(200, (i) => -500 + 10 * Math.sin(i / 5));

describe('Models of given series, and versions', () => {
  let db: TestDatabase;
  let server: TestServer;
  let busy: SignedInTenant;

  beforeAll(async () => {
    db = await testDatabase();
    server = await startServer({
      env: { DATABASE_URL: db.url, JWT_SECRET: 'j'.repeat(40), ENCRYPTION_KEY: 'e'.repeat(40) },
    });
    busy = await newTenant(server, 'enterprise');
    await carried(busy.tenantId);
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await db.close();
  }, 60_000);

  /** Twelve hours of 600 requests a minute, give or take. */
  const carried = (tenantId: string) => {
    const end = Math.floor(Date.now() / STEP) * STEP;
    const rows = Array.from({ length: 720 }, (_, i) => ({
      minute: new Date(end - (720 - i) * MINUTE),
      requests: 600 + Math.round(50 * Math.sin(i / 40)),
    }));
    return db.sql(
      `INSERT INTO traffic_minutes (tenant_id, minute, run_id, route_id, pool_id, backend_id, requests, status_classes,
         latency_buckets, latency_sum_ms, bytes_in, bytes_out)
       SELECT $1, minute, 'run', 'route', 'pool', 'b', requests, ARRAY[0, requests, 0, 0, 0], '{}', requests, 0, 0
       FROM jsonb_to_recordset($2) AS r (minute timestamptz, requests bigint)`,
      [tenantId, JSON.stringify(rows)],
    );
  };
  const api = (method: string, path: string, token: string, body?: object | string) =>
    // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, looked at by field
    caller(server.api, token)<any>(method, path, body);
  const train = async (token: string, body: object) => {
    const started = await api('POST', '/api/ai/train', token, body);
    expect(started.status).toBe(202);
    return until(
      'the training to end',
      async () => {
        const run = (await api('GET', `/api/ai/training/${started.body.id}`, token)).body;
        return !['pending', 'running'].includes(run.status) && run;
      },
      30_000,
    );
  };
  const predict = (token: string, input: object) =>
    api('POST', '/api/ai/predict', token, { model: 'load_predictor', input });
  const listed = async (token: string, model = 'load_predictor') =>
    (await api('GET', `/api/ai/models/${model}/versions`, token)).body;

  it('a model of a given series never forecasts the traffic', async () => {
    expect((await train(busy.token, { series: NEGATIVE })).status).toBe('completed');
    const { prediction_data } = (await api('GET', '/api/ai/metrics', busy.token)).body;
    expect(prediction_data).toMatchObject({ basis: 'naive' });
    expect(prediction_data.predicted_load).toBeGreaterThan(500);
    const [own] = (await predict(busy.token, { horizon: 1 })).body.output.points;
    expect(own.value).toBeGreaterThan(500);
    const [given] = (await predict(busy.token, { horizon: 1, series: NEGATIVE })).body.output.points;
    expect(given.value).toBeLessThan(-400);
  });

  it('a second given series is answered by the model of it, not by a better one of the first', async () => {
    const hard = series(300, (i) => 1000 + ((i * 7919) % 97));
    expect((await train(busy.token, { series: hard })).status).toBe('completed');
    const [point] = (await predict(busy.token, { horizon: 1, series: hard })).body.output.points;
    expect(point.value).toBeGreaterThan(900);
  });

  it('refuses a series that its model would leave out', async () => {
    const refused = async (points: Point[]) => {
      const { status, body } = await predict(busy.token, { horizon: 1, series: points });
      expect([status, body.details?.[0]?.field]).toEqual([422, 'input.series']);
      return body.message;
    };
    expect(await refused(series(20, () => 5, Date.now() - 86_400_000))).toMatch(
      'before the data of the model',
    );
    const hourly = NEGATIVE.slice(0, 50).map(({ value }, i) => ({
      timestamp: new Date(Date.now() + i * 3_600_000).toISOString(),
      value,
    }));
    expect(await refused(hourly)).toMatch('steps of 3600 s');
    expect(await refused([])).toMatch('no points');
  });

  it('refuses data that a training would leave out, and figures that no model can compute with', async () => {
    const pool = await api('POST', '/api/pools', busy.token, { name: 'web', algorithm: 'round_robin' });
    expect(pool.status).toBe(201);
    const rows = [{ text: 'good', label: 'positive' }];
    const huge = NEGATIVE.map((p) => ({ ...p, value: 1e300 }));
    for (const [field, body] of Object.entries({
      rows: { rows },
      series: { series: NEGATIVE, pool: 'web' },
      'series ': { model_type: 'sentiment', series: NEGATIVE },
      ' series': { series: huge },
    })) {
      const answer = await api('POST', '/api/ai/train', busy.token, body);
      expect([answer.status, answer.body.details[0].field]).toEqual([422, field.trim()]);
    }
    const infinite = `{"series": [{"timestamp": "2026-06-01T00:00:00Z", "value": 1e999}]}`;
    expect((await api('POST', '/api/ai/train', busy.token, infinite)).status).toBe(422);
    const odd = { model: 'anomaly_detector', input: { series: huge } };
    expect((await api('POST', '/api/ai/predict', busy.token, odd)).status).toBe(422);
  });

  it('lists the trainings of a model by any of its names', async () => {
    const { token } = await newTenant(server, 'enterprise');
    const started = await api('POST', '/api/ai/models/sentiment-analysis/retrain', token, {});
    expect(started.status).toBe(202);
    for (const [name, ids] of Object.entries({
      sentiment: started.body.runs,
      nlp: started.body.runs,
      load_predictor: [],
      unknown: [],
    })) {
      const { body } = await api('GET', `/api/ai/training?model_type=${name}`, token);
      expect(body.map((training: { id: string }) => training.id)).toEqual(ids);
    }
  });

  it('lists versions with their quality, and goes back to one', async () => {
    const { token } = await newTenant(server, 'enterprise');
    const first = await train(token, { series: series(200, (i) => 100 + (i % 10)) });
    const second = await train(token, { series: series(200, () => 7) });
    const [newest, oldest] = await listed(token);
    expect(newest).toMatchObject({
      version: 2,
      served: true,
      learned_from: 'series',
      training_id: second.id,
    });
    expect(oldest).toMatchObject({ version: 1, served: false, metrics: first.metrics });
    const back = await api('POST', `/api/ai/models/load_predictor/versions/${oldest.id}/serve`, token);
    expect(back.body).toMatchObject({ version: 1, served: true });
    expect((await listed(token)).map((v: { served: boolean }) => v.served)).toEqual([false, true]);
    const [point] = (await predict(token, { horizon: 1 })).body.output.points;
    expect(point.value).toBeGreaterThan(90);

    const other = await newTenant(server);
    expect(await listed(other.token)).toEqual([]);
    const foreign = await api(
      'POST',
      `/api/ai/models/load_predictor/versions/${oldest.id}/serve`,
      other.token,
    );
    expect(foreign.status).toBe(404);
    expect((await api('GET', '/api/ai/models/nothing/versions', token)).status).toBe(404);
  });

  it('the anomaly detector reads a series in the order of time, and says how much it looked at', async () => {
    const points = series(100, (i) => (i === 70 ? 500 : 10));
    const { output } = (
      await api('POST', '/api/ai/predict', busy.token, {
        model: 'anomaly_detector',
        input: { series: points.toReversed() },
      })
    ).body;
    expect(output.anomalies.map((a: Point) => a.timestamp)).toEqual([points[70]!.timestamp]);
    expect(output.judged).toBe(85);
    const accurate = await api('POST', '/api/ai/predict', busy.token, {
      model: 'anomaly_detector',
      input: { series: points, accurate: true },
    });
    expect(accurate.body).toMatchObject({ version: 'contextual-1', output: { judged: 85 } });
    expect(accurate.body.output.anomalies.map((a: Point) => a.timestamp)).toContain(points[70]!.timestamp);
    const few = { model: 'anomaly_detector', input: { series: points.slice(0, 5) } };
    expect((await api('POST', '/api/ai/predict', busy.token, few)).body.output.judged).toBe(0);
  });
});
