export const ALGORITHMS = [
  'round_robin',
  'weighted_round_robin',
  'least_connections',
  'ip_hash',
  'random',
  'least_response_time',
  'adaptive_ai',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export const ADMIN_STATES = ['enabled', 'draining', 'disabled'] as const;
/** `draining` finishes what it has and gets nothing new (sticky clients included); `disabled` gets nothing. */
export type AdminState = (typeof ADMIN_STATES)[number];

/** What a maintenance page may have in UTF-8: HAProxy answers it out of one buffer of 16 kB, together with the head. */
export const MAX_PAGE_BYTES = 15_000;

export const HEALTH_STATES = ['healthy', 'unhealthy', 'unknown'] as const;
export type HealthState = (typeof HEALTH_STATES)[number];
