import { loadEnvironment } from './environment.js';

describe('the environment', () => {
  it('has the documented defaults', () => {
    expect(loadEnvironment({})).toMatchObject({
      PORT: 8080,
      PORT_ALIASES: [9090, 8000],
      ADMIN_PORT: 9000,
      PROXY_PORT: 8088,
      listenHost: '127.0.0.1',
    });
  });

  it('names the variable that is wrong', () => {
    expect(() => loadEnvironment({ PORT: '0x10' })).toThrow(/PORT/);
    expect(() => loadEnvironment({ PORT_ALIASES: '80,many' })).toThrow(/PORT_ALIASES/);
    expect(() => loadEnvironment({ DATA_PLANE: 'magic' })).toThrow(/DATA_PLANE/);
  });

  it('takes no secrets for granted in production', () => {
    expect(() => loadEnvironment({ NODE_ENV: 'production' })).toThrow(/JWT_SECRET.*\n.*ENCRYPTION_KEY/s);
    const secrets = { JWT_SECRET: 'x'.repeat(32), ENCRYPTION_KEY: 'y'.repeat(32) };
    expect(loadEnvironment({ NODE_ENV: 'production', ...secrets }).listenHost).toBe('0.0.0.0');
  });

  it('opens no further port when the aliases are set to nothing', () => {
    expect(loadEnvironment({ PORT_ALIASES: '' }).PORT_ALIASES).toEqual([]);
  });
});
