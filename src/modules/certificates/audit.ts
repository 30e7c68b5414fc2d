import type { CertificateRow } from './certificate.js';

/** What the audit log says of it. */
export const entryOf = (row: CertificateRow, verb: string) => ({
  tenantId: row.tenant_id,
  action: `certificate.${verb}`,
  message: `Certificate of ${row.hosts.slice(0, 3).join(', ')}${row.hosts.length > 3 ? ' …' : ''} ${verb.replace('_', ' ')}`,
  object: { type: 'certificate', id: row.id, name: row.hosts[0] },
  affects: ['hosts'],
  details: { fingerprint: row.fingerprint, not_after: row.not_after?.toISOString() ?? null },
});
