import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Handshakes } from '../../src/platform/realtime/handshakes.js';
import type { Upgrade } from '../../src/platform/realtime/upgrade.js';

const gateways = readdirSync('src', { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts'))
  .map((entry) => path.join(entry.parentPath, entry.name))
  .map((file) => ({ file, text: readFileSync(file, 'utf8') }))
  .filter(({ text }) => /^@WebSocketGateway\(/m.test(text));

describe('gateways', () => {
  it('state who may connect', () => {
    expect(gateways.length).toBeGreaterThanOrEqual(3);
    expect(
      gateways.filter(({ text }) => !text.includes('handshakes.guard(')).map(({ file }) => file),
    ).toEqual([]);
  });

  it('without a stated handshake are closed to everybody', async () => {
    await expect(new Handshakes().admit('/forgotten', {} as Upgrade)).rejects.toMatchObject({ status: 403 });
  });
});
