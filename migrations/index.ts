import { Foundation1764000000000 } from './1764000000000-foundation.js';
import { Accounts1764000001000 } from './1764000001000-accounts.js';
import { LoadBalancer1764000002000 } from './1764000002000-load-balancer.js';
import { Telemetry1764000003000 } from './1764000003000-telemetry.js';
import { ConfigurationChanges1764000004000 } from './1764000004000-configuration-changes.js';
import { Monitoring1764000010000 } from './1764000010000-monitoring.js';
import { Plans1764000020000 } from './1764000020000-plans.js';

/** Every change of the schema, in order. Never edit one that has been released: add the next. */
export const migrations = [
  Foundation1764000000000,
  Accounts1764000001000,
  LoadBalancer1764000002000,
  Telemetry1764000003000,
  ConfigurationChanges1764000004000,
  Monitoring1764000010000,
  Plans1764000020000,
];
