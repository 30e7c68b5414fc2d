/** The plans there are, from least to most. What each allows and costs is in the table `plans`, by version. */
export const PLANS = ['free', 'basic', 'professional', 'enterprise'] as const;
export type PlanId = (typeof PLANS)[number];

export const LIMITED_KINDS = ['pools', 'backends', 'routes', 'users'] as const;
/** What is counted when it is made. */
export type LimitedKind = (typeof LIMITED_KINDS)[number];

/** Most that a tenant may have of each; null: no limit. */
export type PlanLimitValues = Record<LimitedKind, number | null> & {
  /** Carried without an alert; more is billed as overage where the plan has a price for it. */
  requestsPerMonth: number | null;
  aiJobsPerMonth: number | null;
  sso: boolean;
  backupsKept: number;
};

/** One version of a plan. It never changes: new terms are a new version. */
export interface Plan {
  readonly id: PlanId;
  readonly version: number;
  readonly name: string;
  /** 0 for free, growing with what it allows. */
  readonly rank: number;
  /** ISO 4217, upper case. All prices are in its minor unit. */
  readonly currency: string;
  readonly priceMonthly: number;
  readonly priceYearly: number;
  readonly trialDays: number;
  readonly limits: Readonly<PlanLimitValues>;
  readonly included: { readonly requests: number; readonly bytes: number };
  /** Prices over the included amounts; null: not billed. */
  readonly overage: { readonly perMillionRequests: number | null; readonly perGigabyte: number | null };
  readonly features: readonly string[];
}
