export const PLANS = ['free', 'basic', 'professional', 'enterprise'] as const;
export type PlanId = (typeof PLANS)[number];

export type LimitedKind = 'pools' | 'backends' | 'routes' | 'users';
/** Most that a tenant may have of each; null: no limit. */
export type PlanLimitValues = Record<LimitedKind, number | null> & { requestsPerMonth: number | null };

/** What each plan allows, from least to most. */
export const PLAN_LIMITS: Record<PlanId, PlanLimitValues> = {
  free: { pools: 5, backends: 20, routes: 10, users: 5, requestsPerMonth: 100_000 },
  basic: { pools: 25, backends: 100, routes: 50, users: 25, requestsPerMonth: 1_000_000 },
  professional: { pools: 200, backends: 1000, routes: 500, users: 100, requestsPerMonth: 20_000_000 },
  enterprise: { pools: null, backends: null, routes: null, users: null, requestsPerMonth: null },
};
