// npm run chaos [-- --engine embedded,haproxy] [--quick] [--only data-plane,faults,high-availability]
// Faults against the built program on each engine: the database frozen, stopped and back, kill -9 of the program, of
// HAProxy and of upstreams, leaders killed, frozen and cut off, imports interrupted, a rolling restart under load.
// Ends with a table of what held and the figures, and with a status other than 0 when something did not hold.
// All of it on loopback, in processes and directories of its own; about ten minutes, --quick about two.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from './ensure.mjs';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'embedded,haproxy' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
/** `long`: the engines on which the long form says more than the short one. */
const SPECS = [
  { name: 'data-plane', file: 'test/chaos/data-plane.spec.ts', long: ['embedded', 'haproxy'] },
  { name: 'faults', file: 'test/e2e/faults.spec.ts', long: [] },
  // what the long form adds, 200 interrupted imports, never reaches an engine
  { name: 'high-availability', file: 'test/e2e/high-availability.spec.ts', long: ['embedded'] },
];
const LIMIT_MS = 1_200_000;

ensureInstalled();
ensureBuilt();
const dir = mkdtempSync(path.join(os.tmpdir(), 'veloflux-chaos-'));
chmodSync(dir, 0o755); // as root, PostgreSQL runs under an account of its own
const rows = [];

/** Processes that run in our directory: every directory of a test is in it. Linux only. */
function leftBehind() {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir);
    } catch {
      return false;
    }
  });
}

function figuresOf(file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean) : [];
  const byTest = new Map();
  for (const line of lines) {
    const { test, text } = JSON.parse(line);
    byTest.set(test, [...(byTest.get(test) ?? []), text]);
  }
  return byTest;
}

async function run(engine, { name, file, long }) {
  const json = path.join(dir, `${engine}-${name}.json`);
  const figures = path.join(dir, `${engine}-${name}.figures`);
  const env = {
    ...process.env,
    DATA_PLANE: engine,
    TMPDIR: dir,
    VELOFLUX_FIGURES: figures,
    ...(!values.quick && long.includes(engine) && { VELOFLUX_LONG: '1' }),
  };
  process.stderr.write(`${engine}: ${file}\n`);
  const args = ['node_modules/jest/bin/jest.js', '--runInBand', '--json', `--outputFile=${json}`, file];
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGTERM'), LIMIT_MS);
  await new Promise((ok) => child.on('close', ok));
  clearTimeout(timer);
  if (!existsSync(json)) return rows.push({ engine, what: file, held: 'NO', figures: 'it did not run to its end', seconds: 0 });
  const seen = figuresOf(figures);
  for (const { testResults, assertionResults = testResults, message } of JSON.parse(readFileSync(json, 'utf8')).testResults) {
    if (assertionResults.length === 0) rows.push({ engine, what: file, held: 'NO', figures: message.split('\n')[0], seconds: 0 });
    for (const { fullName, status, duration } of assertionResults)
      if (status === 'passed' || status === 'failed')
        rows.push({ engine, what: fullName, held: status === 'passed' ? 'yes' : 'NO', figures: (seen.get(fullName) ?? []).join('; '), seconds: (duration ?? 0) / 1000 });
  }
}

for (const engine of values.engine.split(',')) {
  if (engine === 'haproxy' && spawnSync('haproxy', ['-v'], { stdio: 'ignore' }).error) {
    console.log('haproxy is not installed here: its half is left out\n');
    continue;
  }
  for (const spec of SPECS) if (!values.only || values.only.split(',').includes(spec.name)) await run(engine, spec);
}
const left = leftBehind();
for (const pid of left) process.kill(Number(pid), 'SIGKILL');
rows.push({ engine: values.engine, what: 'no process is left behind', held: left.length ? 'NO' : 'yes', figures: `${left.length} left`, seconds: 0 });
rmSync(dir, { recursive: true, force: true });
console.log('| engine | fault | held | figures | s |\n|---|---|---|---|---|');
for (const { engine, what, held, figures, seconds } of rows) console.log(`| ${engine} | ${what} | ${held} | ${figures} | ${seconds.toFixed(1)} |`);
const broken = rows.filter(({ held }) => held !== 'yes').length;
console.log(`\n${rows.length - broken} of ${rows.length} held`);
process.exitCode = broken || rows.length === 0 ? 1 : 0;
