import { loadEnvironment } from '../../platform/config/environment.js';
import { effectiveEnvironment } from './effective-environment.js';

const secrets = {
  JWT_SECRET: 'j'.repeat(40),
  ENCRYPTION_KEY: 'e'.repeat(40),
  ADMIN_PASSWORD: 'admin-secret-value',
  STRIPE_SECRET_KEY: 'sk_secret_value',
  STRIPE_WEBHOOK_SECRET: 'whsec_secret_value',
  S3_ACCESS_KEY_ID: 'AKIA_secret_value',
  S3_SECRET_ACCESS_KEY: 's3_secret_value',
  ALERT_WEBHOOK_TOKEN: 'alert_secret_value',
  DASK_BRIDGE_TOKEN: 'dask_secret_value',
  NOTIFY_WEBHOOK_SECRET: 'notify_secret_value',
  SLACK_WEBHOOK_URL: 'https://hooks.example.com/services/slack_secret_value',
  NOTIFY_WEBHOOK_URL: 'https://example.com/hook_secret_value',
  DATABASE_URL: 'postgres://user:db_secret_value@db.example.com/veloflux?password=db_secret_value',
  REDIS_URL: 'redis://:redis_secret_value@redis.example.com:6379',
  SMTP_URL: 'smtp://user:smtp_secret_value@mail.example.com',
};

describe('the effective environment', () => {
  it('shows no secret, whichever variable it is in', () => {
    const shown = JSON.stringify(effectiveEnvironment(loadEnvironment(secrets)));
    expect(shown).not.toContain('secret_value');
    for (const value of Object.values(secrets)) expect(shown).not.toContain(value);
  });

  it('tells what is set, what is not, and the host behind credentials', () => {
    const shown = effectiveEnvironment(loadEnvironment({ ...secrets, PORT: '8081' }));
    expect(shown).toMatchObject({ PORT: '8081', JWT_SECRET: '********', HOST: null });
    expect(shown.DATABASE_URL).toBe('postgres://********@db.example.com/veloflux');
  });
});
