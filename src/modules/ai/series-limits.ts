/** Longest series of a request, in points. */
export const MAX_SERIES_POINTS = 50_000;

/** Limits of a body that holds such a series: two keys a point and some beside it. */
export const SERIES_BODY_LIMITS = { maxBytes: 4 * 1024 * 1024, maxKeys: 2 * MAX_SERIES_POINTS + 10_000 };
