import type { EngineUnderTest } from './engine-under-test.js';
import { get, until } from './support.js';

export function describeStopping(t: EngineUnderTest): void {
  describe('stopping', () => {
    it('a request in flight finishes, new connections are refused', async () => {
      let finish = (): void => {};
      const upstream = await t.up('a', (_request, response) => {
        finish = () => response.end('done');
      });
      await t.usePool([upstream]);
      const waiting = get(t.engine);
      await until('the request is in flight', () => upstream.inFlight === 1);
      const stopped = t.engine.stop(5_000);
      await until('nobody listens', () =>
        get(t.engine, '/', { host: 'nobody.test' }).then(
          () => false,
          () => true,
        ),
      );
      finish();
      expect((await waiting).body).toBe('done');
      await stopped;
      expect(t.engine.health().running).toBe(false);
    });

    it('the deadline holds', async () => {
      const upstream = await t.up('a', () => {});
      await t.usePool([upstream], { responseTimeoutMs: 60_000 });
      const waiting = get(t.engine).catch(() => 'cut');
      await until('the request is in flight', () => upstream.inFlight === 1);
      await t.engine.stop(200);
      expect(await waiting).toBe('cut');
    });
  });
}
