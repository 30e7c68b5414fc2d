import { HttpDouble } from '../../../../test/support/http-double.js';
import { WebUiProbe } from './webui.probe.js';

describe('ServiceProbe, as WebUiProbe', () => {
  let service: HttpDouble;
  let probe: WebUiProbe;

  beforeEach(async () => {
    service = await new HttpDouble().start();
    service.answers = { '/': { body: '<!doctype html>' } };
    probe = new WebUiProbe(service.url, 200);
  });
  afterEach(() => service.stop());

  it('knows nothing before the first check', () => {
    expect(probe.reading()).toEqual({
      running: false,
      stale: false,
      checkedAt: null,
      answeredAt: null,
      error: null,
      figures: null,
    });
  });

  it.each([200, 302, 401, 404])('runs when it answers %i', async (status) => {
    service.answers = { '/': { status, headers: status === 302 ? { location: '/login' } : {} } };
    expect(await probe.check()).toMatchObject({ running: true, stale: false, error: null });
    expect(service.requests).toHaveLength(1);
  });

  it('does not run when it answers with a server error', async () => {
    service.answers = { '/': { status: 502 } };
    expect(await probe.check()).toMatchObject({ running: false, error: 'answered 502' });
  });

  it('does not run when it never answers, and the check ends in time', async () => {
    service.answers = { '/': 'nothing' };
    expect(await probe.check()).toMatchObject({ running: false, stale: false, error: 'no answer in time' });
  });

  it('does not run when nothing listens, from the first check on', async () => {
    await probe.check();
    await service.stop();
    const reading = await probe.check();
    expect(reading).toMatchObject({ running: false, stale: true });
    expect(reading.error).toContain('ECONNREFUSED');
    await service.start();
    expect(await probe.check()).toMatchObject({ running: true, stale: false, error: null });
  });

  it('still runs after two missed checks, and is stale after the third', async () => {
    const { answeredAt } = await probe.check();
    service.answers = { '/': { status: 503 } };
    expect(await probe.check()).toMatchObject({
      running: true,
      stale: false,
      error: 'answered 503',
      answeredAt,
    });
    expect(await probe.check()).toMatchObject({ running: true, stale: false });
    expect(await probe.check()).toMatchObject({ running: false, stale: true, answeredAt });
    expect(probe.reading()).toMatchObject({ running: false, stale: true });
  });

  it('an answer in between forgives the misses', async () => {
    await probe.check();
    for (const status of [503, 503, 200, 503, 503]) {
      service.answers = { '/': { status } };
      expect((await probe.check()).running).toBe(true);
    }
  });

  it('asks once for callers that come at the same time', async () => {
    await Promise.all([probe.check(), probe.check(), probe.check()]);
    expect(service.requests).toHaveLength(1);
  });

  it('never rejects, whatever the base URL', async () => {
    for (const url of ['nonsense', 'http://', 'ftp://127.0.0.1', 'http://127.0.0.1:1/']) {
      expect(await new WebUiProbe(url, 200).check()).toMatchObject({ running: false });
    }
  });
});
