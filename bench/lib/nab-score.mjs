/**
 * NAB's scoring (Lavin and Ahmad 2015; numenta/NAB scorer and sweeper): a detection within a labelled window earns up
 * to 1, more the earlier it is, once a window; a detection outside costs up to 0.11, more the further it is behind the
 * last window; a window without one costs 1. The other two profiles double the cost of one of the two. The first 15 %
 * of a series (at most 750 rows) are probation and do not count. One threshold for all series, the best for the
 * profile. Normalised: 0 is a detector that says nothing, 100 a perfect one.
 */
export const PROFILES = {
  standard: { truePositive: 1, falsePositive: 0.11, falseNegative: 1 },
  'low FP': { truePositive: 1, falsePositive: 0.22, falseNegative: 1 },
  'low FN': { truePositive: 1, falsePositive: 0.11, falseNegative: 2 },
};
const sigmoid = (position) => (position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1);
const BEST = sigmoid(-1);

/** Rows at the start of a series that are not scored. */
export function probation(rows) {
  return Math.min(Math.floor(0.15 * rows), 750);
}

/** Labelled windows as first and last row; those that end in the probation do not count. */
function windowRows(times, windows, start) {
  return windows
    .map(([from, to]) => [times.findIndex((time) => time >= from), times.findLastIndex((time) => time <= to)])
    .filter(([first, last]) => first >= 0 && last >= Math.max(first, start));
}

/** What each row would add if it were a detection, with the window that it falls in. */
function contributions({ times, scores, windows }, profile) {
  const start = probation(times.length);
  const rows = windowRows(times, windows, start);
  return {
    windows: rows.length,
    rows: scores
      .map((score, row) => {
        const window = rows.findIndex(([first, last]) => row >= first && row <= last);
        if (window >= 0) {
          const [first, last] = rows[window];
          const position = -(last - row + 1) / (last - first + 1);
          return { row, score, window, value: (sigmoid(position) / BEST) * profile.truePositive };
        }
        const before = rows.filter(([, last]) => last < row).at(-1);
        const value = before ? sigmoid((row - before[1]) / (before[1] - before[0])) : -1;
        return { row, score, window: -1, value: value * profile.falsePositive };
      })
      .filter(({ row }) => row >= start),
  };
}

/** Scores at every threshold, from the highest down: `[threshold, score]`, normalised. */
function sweep(series, profile) {
  const windows = series.reduce((sum, one) => sum + one.windows, 0);
  const nothing = -windows * profile.falseNegative;
  const perfect = windows * profile.truePositive;
  const rows = series.flatMap((one, index) => one.rows.map((row) => ({ ...row, key: `${index}/${row.window}` })));
  rows.sort((a, b) => b.score - a.score);
  const best = new Map();
  const points = [[1.1, 0]];
  let total = nothing;
  rows.forEach(({ score, window, value, key }, i) => {
    if (window < 0) total += value;
    else {
      const before = best.get(key) ?? -profile.falseNegative;
      if (value > before) {
        total += value - before;
        best.set(key, value);
      }
    }
    if (rows[i + 1]?.score !== score) points.push([score, (100 * (total - nothing)) / (perfect - nothing)]);
  });
  return points;
}

/**
 * @param results series with `times` (ms), `scores` (0 to 1) and `windows` ([from, to] in ms)
 * @param profile one of {@link PROFILES}
 * @param fixed a threshold that was chosen before
 * @returns the best threshold, its normalised score, and the one at the fixed threshold (null without)
 */
export function nabScore(results, profile, fixed) {
  const points = sweep(
    results.map((one) => contributions(one, profile)),
    profile,
  );
  const [threshold, score] = points.reduce((best, point) => (point[1] > best[1] ? point : best));
  const atFixed = points.filter(([value]) => value >= fixed).at(-1);
  return { threshold, score, fixed: fixed === undefined ? null : atFixed[1] };
}

/** What one series gives at a threshold: labelled windows, those found, detections outside of them, and its score. */
export function atThreshold(result, profile, threshold) {
  const { windows, rows } = contributions(result, profile);
  const detections = rows.filter(({ score }) => score >= threshold);
  const best = new Array(windows).fill(-profile.falseNegative);
  let cost = 0;
  for (const { window, value } of detections) {
    if (window < 0) cost += value;
    else best[window] = Math.max(best[window], value);
  }
  const total = best.reduce((sum, value) => sum + value, cost);
  const nothing = -windows * profile.falseNegative;
  return {
    windows,
    found: best.filter((value) => value > -profile.falseNegative).length,
    outside: detections.filter(({ window }) => window < 0).length,
    score: windows > 0 ? (100 * (total - nothing)) / (windows * profile.truePositive - nothing) : null,
  };
}
