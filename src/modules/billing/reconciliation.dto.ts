import type { Reconciliation } from './reconciliation.repository.js';

export class DifferenceResponse {
  /** @example subscription */
  kind: string;
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string | null;
  /** @example sub_1MowQVLkdIwHu7ixeRlqHVzs */
  object: string;
  /** @example status */
  field: string;
  /** What is stored here; null when it is missing. */
  here: string | null;
  /** What it should be: at Stripe, in telemetry, by the lines. */
  there: string | null;
}

export class ReconciliationResponse {
  /** @example run_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example stripe */
  provider: string;
  /** @example 2026-06-19T03:00:00.000Z */
  started_at: string;
  /** @example 2026-06-19T03:00:02.000Z */
  finished_at: string;
  /**
   * Subscriptions of Stripe's that were compared.
   * @example 12
   */
  subscriptions_checked: number;
  differences: DifferenceResponse[];
  /** Why it broke off; null when it did not. */
  error: string | null;

  static from(run: Reconciliation): ReconciliationResponse {
    return {
      id: run.id,
      provider: run.provider,
      started_at: run.startedAt.toISOString(),
      finished_at: run.finishedAt.toISOString(),
      subscriptions_checked: run.subscriptionsChecked,
      differences: run.differences.map(({ tenantId, ...rest }) => ({ tenant_id: tenantId, ...rest })),
      error: run.error,
    };
  }
}
