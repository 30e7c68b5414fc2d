import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Environment } from '../config/environment.js';
import { Secrets } from './secrets.js';

const secrets = (key: string) =>
  new Secrets(
    Object.assign(new Environment(), { JWT_SECRET: 'j'.repeat(32), ENCRYPTION_KEY: key.repeat(32) }),
  );

describe('secrets at rest', () => {
  it('come back with the same key and purpose only', () => {
    const text = secrets('a').encrypt('client-secret', 'oidc:tenant_1');
    expect(text).not.toContain('client-secret');
    expect(secrets('a').decrypt(text, 'oidc:tenant_1')).toBe('client-secret');
    expect(() => secrets('a').decrypt(text, 'oidc:tenant_2')).toThrow();
    expect(() => secrets('b').decrypt(text, 'oidc:tenant_1')).toThrow();
  });

  it('are made once and kept beside the data when none are set', () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'veloflux-secrets-'));
    const environment = Object.assign(new Environment(), { DATA_DIR: dir });
    const text = new Secrets(environment).encrypt('x', 'p');
    expect(new Secrets(environment).decrypt(text, 'p')).toBe('x');
  });
});
