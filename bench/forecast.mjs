/**
 * Forecast benchmark: rolling origin over every CSV below a folder (default ../shared/data/nab-train), first 60 % of
 * each series to train, then a forecast at every bucket for 1 and 12 steps ahead, experts fitted again about daily.
 *
 *   npx tsc -p tsconfig.build.json && node bench/forecast.mjs [folder]
 *
 * "relative" is the mean absolute error over the naive forecast's on the same targets: 1.0 is naive. A series on which
 * naive makes no error cannot be compared and is left out of the means. Also writes docs/forecast.svg.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { forecastChart } from './lib/chart.mjs';
import { csvFiles } from './lib/series-files.mjs';
import { row } from './support/rows.mjs';

const HORIZONS = [1, 12];
const AIMS = { 1: 0.64, 12: 0.69 };
const COVERAGE = [0.87, 0.93];
const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../../shared/data/nab-train', import.meta.url)));
const files = csvFiles(folder);
if (files.length === 0) throw new Error(`no CSV files below ${folder}`);

function runAll() {
  const waiting = [...files];
  const done = [];
  const settings = { folder, horizons: HORIZONS, trainShare: 0.6, warmShare: 0.45 };
  const one = () =>
    new Promise((finish, fail) => {
      const worker = new Worker(new URL('./lib/forecast-worker.mjs', import.meta.url), { workerData: settings });
      const next = () => worker.postMessage(waiting.shift() ?? null);
      worker.on('message', (result) => {
        done.push(result);
        process.stderr.write(`${done.length}/${files.length} ${result.file} ${result.seconds.toFixed(0)} s\n`);
        next();
      });
      worker.on('error', fail);
      worker.on('exit', finish);
      next();
    });
  return Promise.all(Array.from({ length: Math.min(files.length, availableParallelism()) }, one)).then(() => done);
}

const show = (value, digits = 3) => (value === null ? 'n/a' : value.toFixed(digits)).padStart(9);
const geometricMean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

const started = performance.now();
const series = (await runAll()).sort((a, b) => a.file.localeCompare(b.file));
console.log(`${'series'.padEnd(58)}steps     MASE    naive    sMAPE relative coverage        n`);
for (const { file, results } of series)
  for (const r of results)
    console.log(
      `${file.slice(0, 57).padEnd(58)}${String(r.horizon).padStart(5)}${show(r.mase)}${show(r.naive_mase)}${show(r.smape, 1)}${show(r.relative)}${show(r.coverage)}${String(r.samples).padStart(9)}`,
    );
for (const horizon of HORIZONS) {
  const own = series.map(({ results }) => results.find((r) => r.horizon === horizon));
  const compared = own.filter(({ relative }) => relative !== null && relative > 0);
  const mean = geometricMean(compared.map(({ relative }) => relative));
  const worst = Math.max(...compared.map(({ relative }) => relative));
  const coverages = own.map(({ coverage }) => coverage);
  const outside = coverages.filter((value) => value < COVERAGE[0] || value > COVERAGE[1]).length;
  row({ what: `forecast error ${horizon} steps ahead, geometric mean of ${compared.length} series`, ours: mean.toFixed(3), peer: 'naive forecast', theirs: '1', ratio: mean, aim: `≤ ${AIMS[horizon]}` });
  console.log(
    `${String(horizon).padStart(2)} steps: geometric mean ${mean.toFixed(4)} (aim ≤ ${AIMS[horizon]}), worst ${worst.toFixed(3)} (aim ≤ 1), coverage ${Math.min(...coverages).toFixed(3)}–${Math.max(...coverages).toFixed(3)}, ${outside} of ${own.length} outside ${COVERAGE.join('–')}`,
  );
}

const ranked = series
  .filter(({ results, chart }) => results.at(-1).relative !== null && chart.length > 100)
  .sort((a, b) => a.results.at(-1).relative - b.results.at(-1).relative);
const shown = ranked[ranked.length >> 1];
if (shown) {
  const { relative, coverage } = shown.results.at(-1);
  const target = new URL('../docs/forecast.svg', import.meta.url);
  const subtitle = `${HORIZONS.at(-1)} steps ahead, the series of median difficulty: error ${relative.toFixed(2)} of the naive forecast's, ${(100 * coverage).toFixed(0)} % of values within the interval`;
  mkdirSync(new URL('.', target), { recursive: true });
  writeFileSync(target, forecastChart(shown.chart, shown.file, subtitle));
}
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
