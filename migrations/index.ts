import { Foundation1764000000000 } from './1764000000000-foundation.js';
import { Accounts1764000001000 } from './1764000001000-accounts.js';
import { LoadBalancer1764000002000 } from './1764000002000-load-balancer.js';
import { Telemetry1764000003000 } from './1764000003000-telemetry.js';
import { ConfigurationChanges1764000004000 } from './1764000004000-configuration-changes.js';
import { ReadPool1764000005000 } from './1764000005000-read-pool.js';
import { Monitoring1764000010000 } from './1764000010000-monitoring.js';
import { Plans1764000020000 } from './1764000020000-plans.js';
import { Billing1764000021000 } from './1764000021000-billing.js';
import { Backups1764000030000 } from './1764000030000-backups.js';
import { ConfigVersions1764000031000 } from './1764000031000-config-versions.js';
import { NodeHolders1764000032000 } from './1764000032000-node-holders.js';
import { BackupScope1764000033000 } from './1764000033000-backup-scope.js';
import { ApiKeys1764000034000 } from './1764000034000-api-keys.js';
import { Webhooks1764000035000 } from './1764000035000-webhooks.js';
import { Oidc1764000036000 } from './1764000036000-oidc.js';
import { Ai1764000040000 } from './1764000040000-ai.js';
import { Workers1764000050000 } from './1764000050000-workers.js';
import { WebhookSecrets1764000060000 } from './1764000060000-webhook-secrets.js';
import { ConfigEntries1764000070000 } from './1764000070000-config-entries.js';
import { SharedRateLimits1764000071000 } from './1764000071000-shared-rate-limits.js';
import { ConfigurationChangeLog1764000072000 } from './1764000072000-configuration-change-log.js';
import { Anomalies1764000080000 } from './1764000080000-anomalies.js';
import { WeightFactors1764000080001 } from './1764000080001-weight-factors.js';
import { PipelineBatches1764000090000 } from './1764000090000-pipeline-batches.js';
import { Certificates1764000100000 } from './1764000100000-certificates.js';
import { LedgerInBackups1764000101000 } from './1764000101000-ledger-in-backups.js';
import { CompleteChangeLog1764000110000 } from './1764000110000-complete-change-log.js';
import { ConfigEntriesOnce1764000111000 } from './1764000111000-config-entries-once.js';
import { TenantAccounts1764000120000 } from './1764000120000-tenant-accounts.js';
import { PasswordResets1764000121000 } from './1764000121000-password-resets.js';
import { IdempotentAnswers1764000122000 } from './1764000122000-idempotent-answers.js';

/** Every change of the schema, in order. Never edit one that has been released: add the next. */
export const migrations = [
  Foundation1764000000000,
  Accounts1764000001000,
  LoadBalancer1764000002000,
  Telemetry1764000003000,
  ConfigurationChanges1764000004000,
  ReadPool1764000005000,
  Monitoring1764000010000,
  Plans1764000020000,
  Billing1764000021000,
  Backups1764000030000,
  ConfigVersions1764000031000,
  NodeHolders1764000032000,
  BackupScope1764000033000,
  ApiKeys1764000034000,
  Webhooks1764000035000,
  Oidc1764000036000,
  Ai1764000040000,
  Workers1764000050000,
  WebhookSecrets1764000060000,
  ConfigEntries1764000070000,
  SharedRateLimits1764000071000,
  ConfigurationChangeLog1764000072000,
  Anomalies1764000080000,
  WeightFactors1764000080001,
  PipelineBatches1764000090000,
  Certificates1764000100000,
  LedgerInBackups1764000101000,
  CompleteChangeLog1764000110000,
  ConfigEntriesOnce1764000111000,
  TenantAccounts1764000120000,
  PasswordResets1764000121000,
  IdempotentAnswers1764000122000,
];
