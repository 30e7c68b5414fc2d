/**
 * Events carry the second in which they were made and come in any order. Where the object cannot be fetched again,
 * the newest event counts; within one second a deletion is newer than a change, and a change newer than a creation.
 */
export interface EventMoment {
  at: Date;
  rank: number;
}

const RANKS: Record<string, number> = {
  'customer.subscription.created': 1,
  'customer.subscription.deleted': 9,
};
const CHANGED = 5;

/**
 * Where an event stands among those of its object; Stripe's times are whole seconds, so its type decides within one.
 */
export const momentOf = (type: string, created: Date): EventMoment => ({
  at: created,
  rank: RANKS[type] ?? CHANGED,
});

/** Whether `event` may change what `known` left; the same moment twice is applied twice, to the same effect. */
export function isNotOlder(event: EventMoment, known: EventMoment | null): boolean {
  if (!known) return true;
  if (event.at.getTime() !== known.at.getTime()) return event.at > known.at;
  return event.rank >= known.rank;
}
