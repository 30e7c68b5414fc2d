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

  it.each([
    ['DATABASE_URL', 'localhost:5432/app', 'postgres://app@db.example.com/app?sslmode=require'],
    ['REDIS_URL', 'http://redis:6379', 'rediss://:secret@redis.example.com:6380/1'],
    ['SMTP_URL', 'mail.example.com', 'smtps://user:pass%40word@mail.example.com'],
    ['OLLAMA_URL', '127.0.0.1:11434', 'http://127.0.0.1:11434'],
    ['PUBLIC_URL', 'api.example.com', 'https://api.example.com/veloflux'],
    ['SLACK_WEBHOOK_URL', 'hooks.slack.com/services/x', 'https://hooks.slack.com/services/x'],
    ['ACME_DIRECTORY_URL', 'letsencrypt', 'https://acme.example.com/directory'],
    ['S3_ENDPOINT', 's3.example.com', 'http://127.0.0.1:9000'],
    ['CORS_ORIGINS', 'https://a.example.com,b.example.com', 'https://a.example.com,http://localhost:3000'],
    ['TRUSTED_PROXIES', '10.0.0.0/8,proxy', '10.0.0.0/8,::1,192.0.2.7'],
    // or nobody could sign in with it
    ['ADMIN_PASSWORD', 'x'.repeat(257), 'x'.repeat(256)],
  ])('refuses %s=%s at the start, not when it is first used', (name, wrong, right) => {
    expect(() => loadEnvironment({ [name]: wrong })).toThrow(new RegExp(`${name}: `));
    expect(loadEnvironment({ [name]: right })).toHaveProperty(name);
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
