import { median } from './core/numeric/statistics.js';

interface Minute {
  requests: number;
  errors: number;
}

const TOLERATED_ERRORS = 0.01;
/** Minutes with at most this share of the best one are quiet … */
const QUIET = 0.5;
/** … and those with at least this share are full, if answers took this much longer than in quiet ones. */
const BUSY = 0.8;
const SLOWER = 1.3;

/** Whether at most 1 % of the minute's requests failed. */
export const wentWell = ({ requests, errors }: Minute): boolean => errors / requests <= TOLERATED_ERRORS;

/** Requests of the minute that had most. */
export const mostRequests = (minutes: readonly Minute[]): number =>
  minutes.reduce((most, { requests }) => Math.max(most, requests), 0);

/**
 * The minutes in which there were nearly as many requests as ever and answers took longer than in quiet ones: those in
 * which all was done that can be done.
 *
 * @param good minutes that went well
 * @param latencyOf mean time of the minute's answers
 * @param minQuiet fewer quiet minutes do not say what is usual
 * @returns null where that is not known
 */
export function fullMinutes<M extends Minute>(
  good: readonly M[],
  latencyOf: (minute: M) => number,
  minQuiet: number,
): M[] | null {
  const most = mostRequests(good);
  const quiet = good.filter(({ requests }) => requests <= QUIET * most);
  if (quiet.length < minQuiet) return null;
  const slow = SLOWER * median(quiet.map(latencyOf));
  return good.filter((minute) => minute.requests >= BUSY * most && latencyOf(minute) >= slow);
}
