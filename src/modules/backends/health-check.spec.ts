import { DEFAULT_HEALTH_CHECK, requireTimeoutWithinInterval, withDefaults } from './health-check.js';

describe('health check settings', () => {
  it('take what is not given from the defaults', () => {
    const check = withDefaults({ path: '/up', rise: undefined }, DEFAULT_HEALTH_CHECK);
    expect(check).toEqual({ ...DEFAULT_HEALTH_CHECK, path: '/up' });
  });

  it('shorten a timeout that nobody gave to a short interval', () => {
    expect(withDefaults({ interval: '200ms' }, DEFAULT_HEALTH_CHECK).timeout).toBe('200ms');
    expect(withDefaults({ interval: '1m' }, DEFAULT_HEALTH_CHECK).timeout).toBe('3s');
  });

  it('refuse a given timeout beyond the interval, naming the field', () => {
    const check = withDefaults({ interval: '1s', timeout: '1500ms' }, DEFAULT_HEALTH_CHECK);
    expect(() => requireTimeoutWithinInterval(check)).toThrow(
      expect.objectContaining({
        status: 422,
        details: [expect.objectContaining({ field: 'health_check.timeout' })],
      }),
    );
    expect(() => requireTimeoutWithinInterval({ ...check, timeout: '1s' })).not.toThrow();
  });
});
