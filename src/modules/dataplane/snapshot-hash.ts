import { createHash } from 'node:crypto';
import type { Snapshot } from './snapshot.js';

const sortKeys = (_key: string, value: unknown) =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** SHA-256 in hex of the configuration in a canonical form: equal for equal configurations, whatever the version. */
export function snapshotHash(snapshot: Snapshot): string {
  const hash = createHash('sha256');
  for (const id of [...snapshot.tenants.keys()].sort())
    hash.update(`${JSON.stringify(snapshot.tenants.get(id), sortKeys)}\n`);
  return hash.digest('hex');
}
