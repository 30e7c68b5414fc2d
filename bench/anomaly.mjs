/**
 * Anomaly benchmark: NAB's scoring, its three profiles, over the labelled CSVs below a folder (default
 * ../shared/data/nab-train; labels in its windows.json). Every detector sees one value at a time.
 *
 *   npx tsc -p tsconfig.build.json && node bench/anomaly.mjs [folder]
 *
 * As in NAB one threshold is chosen for the whole folder, which flatters every detector alike; "as shipped" is the score
 * at the threshold that the product uses.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atThreshold, nabScore, PROFILES, probation } from './lib/nab-score.mjs';
import { csvFiles, readCsv } from './lib/series-files.mjs';
import { row } from './support/rows.mjs';

const core = new URL('../dist/src/modules/ai/core/anomaly/', import.meta.url);
const { ResidualDetector } = await import(new URL('residual.js', core));
const { ContextualDetector } = await import(new URL('contextual.js', core));

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../../shared/data/nab-train', import.meta.url)));
const labels = join(folder, 'windows.json');
if (!existsSync(labels)) throw new Error(`no windows.json in ${folder}`);
const windows = JSON.parse(readFileSync(labels, 'utf8'));
const toMs = (text) => Date.parse(`${text.replace(' ', 'T').slice(0, 23)}Z`);

/** Windows by path below the folder, or by file name. */
function windowsOf(file) {
  const key = Object.keys(windows).find((name) => name === file || name.endsWith(`/${file.split('/').at(-1)}`));
  return key === undefined ? null : windows[key].map(([from, to]) => [toMs(from), toMs(to)]);
}

/** The plainest peer in the same run: distance from a moving mean in moving standard deviations. */
class MovingZ {
  mean = 0;
  variance = 0;
  count = 0;

  update(timestamp, value) {
    this.count++;
    const rate = Math.max(0.01, 1 / this.count);
    const distance = Math.abs(value - this.mean) / (Math.sqrt(this.variance) || Number.POSITIVE_INFINITY);
    this.mean += rate * (value - this.mean);
    this.variance += rate * ((value - this.mean) ** 2 - this.variance);
    return { timestamp, value, score: distance / (1 + distance) };
  }
}

const DETECTORS = {
  'moving z-score (peer)': { make: () => new MovingZ() },
  'residual + likelihood (default)': { make: (warmUp) => new ResidualDetector({ warmUp }), threshold: 0.4 },
  'contextual, capped (accurate)': { make: (warmUp) => new ContextualDetector({ warmUp }), threshold: 0.6 },
};

const series = csvFiles(folder)
  .map((file) => ({ file, windows: windowsOf(file), rows: readCsv(join(folder, file)) }))
  .filter((one) => one.windows !== null);

/** Scores of a detector; while it rests after a finding they are 0, as a user would see them. */
function run({ make, threshold }, { rows, windows: own }) {
  const warmUp = probation(rows.length);
  const detector = make(warmUp);
  const scores = rows.map(({ timestamp, value }) => {
    const finding = detector.update(timestamp, value);
    return threshold === undefined || finding.anomaly || finding.score < threshold ? finding.score : 0;
  });
  return { times: rows.map(({ timestamp }) => timestamp), scores, windows: own };
}

const show = (value, width = 9) => (value === null ? 'n/a' : value.toFixed(1)).padStart(width);
const values = series.reduce((sum, { rows }) => sum + rows.length, 0);

function measure(name, detector) {
  const started = performance.now();
  const results = series.map((one) => {
    const result = run(detector, one);
    process.stderr.write(`${name}: ${one.file}\n`);
    return result;
  });
  return { results, perValue: ((performance.now() - started) * 1000) / values };
}

console.log(`${series.length} labelled series, ${series.reduce((sum, { windows: own }) => sum + own.length, 0)} windows`);
const measured = Object.entries(DETECTORS).map(([name, detector]) => ({ name, detector, ...measure(name, detector) }));

for (const { name, detector, results } of measured) {
  const threshold = detector.threshold ?? nabScore(results, PROFILES.standard).threshold;
  console.log(`\n${name}, at ${threshold.toFixed(3)}, standard profile`.padEnd(62) + '  windows found outside    score');
  series.forEach(({ file }, i) => {
    const { windows: all, found, outside, score } = atThreshold(results[i], PROFILES.standard, threshold);
    console.log(`${file.slice(0, 60).padEnd(61)}${String(all).padStart(9)}${String(found).padStart(6)}${String(outside).padStart(8)}${show(score)}`);
  });
}

console.log(`\n${'detector'.padEnd(34)}profile     score  as shipped  threshold  µs a value`);
for (const { name, detector, results, perValue } of measured)
  for (const [profileName, profile] of Object.entries(PROFILES)) {
    const { score, threshold, fixed } = nabScore(results, profile, detector.threshold);
    if (profileName === 'standard' && detector.threshold !== undefined)
      row({ what: `anomalies, NAB score, ${name}`, ours: score.toFixed(1), peer: 'published (58 files)', theirs: 'ARTime 74.9, HTM 70' });
    console.log(
      `${name.padEnd(34)}${profileName.padEnd(8)}${show(score)}${show(fixed, 12)}${threshold.toFixed(4).padStart(11)}${show(perValue, 12)}`,
    );
  }
console.log('published, all 58 files, standard: ARTime 74.9, HTM 70, CAD-OSE 69.9, Twitter S-H-ESD 47.1, windowed Gaussian 39.6');
