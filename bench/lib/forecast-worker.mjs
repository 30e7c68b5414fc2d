import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { readCsv } from './series-files.mjs';

const core = new URL('../../dist/src/modules/ai/core/forecast/', import.meta.url);
const { rollingForecasts } = await import(new URL('rolling.js', core));
const { toGrid } = await import(new URL('series.js', core));
const { MetricsTally, meanAbsoluteChange } = await import(new URL('metrics.js', core));

const { folder, horizons, trainShare, warmShare } = workerData;

function measure(file) {
  const grid = toGrid(readCsv(join(folder, file)));
  const scale = meanAbsoluteChange(grid.values, Math.floor(grid.values.length * trainShare));
  const options = { horizons, trainShare, warmShare, epochs: 20, seed: 1, network: false };
  const runs = rollingForecasts(grid, options);
  const results = runs.map((points, i) => {
    const tally = new MetricsTally();
    for (const { actual, forecast, naive, lower, upper } of points)
      tally.add(actual, forecast, naive, actual >= lower && actual <= upper);
    const relative = tally.meanNaiveError > 0 ? tally.meanError / tally.meanNaiveError : null;
    return { horizon: horizons[i], relative, ...tally.summary(scale) };
  });
  return { file, results, chart: chartOf(grid, runs[runs.length - 1]) };
}

/** The last stretch of the forecasts that fits a chart, with what came. */
function chartOf(grid, points) {
  const day = Math.round(86_400_000 / grid.stepMs);
  return points.slice(-Math.min(3 * day, 900)).map((point) => ({ ...point, ms: grid.startMs + point.target * grid.stepMs }));
}

parentPort.on('message', (file) => {
  if (file === null) process.exit(0);
  const started = performance.now();
  parentPort.postMessage({ ...measure(file), seconds: (performance.now() - started) / 1000 });
});
