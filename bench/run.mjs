// npm run bench [-- --only api,changes] [--long] [--out docs/bench.md] [--data <folder with the labelled series>]
// Runs everything in bench/ one after another and writes one page: a table of what was measured with the ratio to the
// named peer of the same run, and below it what each bench printed. Short settings; --long takes each bench's own.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from '../scripts/ensure.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    long: { type: 'boolean', default: false },
    out: { type: 'string', default: path.join(root, 'docs/bench.md') },
    data: { type: 'string' },
  },
});

/** In this order; `short` instead of the bench's own settings, `limit` in seconds, `data`: needs the labelled series. */
const BENCHES = [
  { name: 'api', title: 'API', short: ['--rounds', '3', '--seconds', '3'], limit: 180 },
  { name: 'dataplane', title: 'Data plane', short: ['--rounds', '3', '--seconds', '2'], limit: 300 },
  { name: 'changes', title: 'Changes under load, and many pools', short: [], limit: 400 },
  { name: 'realtime', title: 'Live channels', short: ['--rounds', '10'], limit: 180 },
  { name: 'adaptive', title: 'Balancing before unequal backends', short: [], limit: 400 },
  { name: 'forecast', title: 'Forecasts', short: [], limit: 1200, data: true },
  { name: 'anomaly', title: 'Anomalies', short: [], limit: 600, data: true },
];

const first = (command, args) => {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return error ? null : (stdout || stderr).split('\n')[0].trim();
};

/** What it ran on, without names or addresses of the machine. */
function machine() {
  const [cpu] = os.cpus();
  const peers = [first('haproxy', ['-v']), first('nginx', ['-v'])].filter(Boolean).map((line) => line.replace(/ (- )?https?:.*/, ''));
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GB`;
  return `${os.availableParallelism()} cores (${cpu?.model.trim() ?? 'unknown'}), ${memory}, ${os.type()} ${os.release().split('.').slice(0, 2).join('.')}, Node ${process.version}${peers.length ? `; ${peers.join('; ')}` : ''}. Load average before: ${os.loadavg()[0].toFixed(1)}.`;
}

function seriesFolder() {
  const folders = [values.data, '../shared/data/nab-train', '../../shared/data/nab-train'].filter(Boolean);
  return folders.map((folder) => path.resolve(root, folder)).find((folder) => existsSync(path.join(folder, 'windows.json')));
}

/** @returns what it printed, or why there is nothing */
function run({ name, short, limit, data }, rowsFile) {
  const folder = data ? seriesFolder() : undefined;
  if (data && !folder) return Promise.resolve({ skipped: 'the labelled series are not here; --data names their folder' });
  const args = [path.join(root, 'bench', `${name}.mjs`), ...(folder ? [folder] : []), ...(values.long ? [] : short)];
  process.stderr.write(`bench/${name}.mjs …\n`);
  const started = performance.now();
  return new Promise((ok) => {
    const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, BENCH_ROWS: rowsFile }, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    const timer = setTimeout(() => child.kill('SIGTERM'), limit * 1000);
    child.on('close', (code) => {
      clearTimeout(timer);
      const seconds = (performance.now() - started) / 1000;
      process.stderr.write(`  ${seconds.toFixed(0)} s${code === 0 ? '' : `, ended with ${code}`}\n`);
      ok({ text: text.trim(), seconds, failed: code !== 0 });
    });
  });
}

const cell = (value) => (value === undefined || value === null ? '' : String(value));
const table = (rows) =>
  [
    '| measured | VeloFlux | peer of the same run | peer | ratio | aim |',
    '|---|---|---|---|---|---|',
    ...rows.map(({ what, ours, peer, theirs, ratio, aim }) => `| ${what} | ${ours} | ${cell(peer)} | ${cell(theirs)} | ${ratio === undefined ? '' : ratio.toFixed(2)} | ${cell(aim)} |`),
  ].join('\n');

ensureInstalled();
ensureBuilt();
const dir = mkdtempSync(path.join(os.tmpdir(), 'veloflux-bench-'));
const rowsFile = path.join(dir, 'rows');
const wanted = BENCHES.filter(({ name }) => !values.only || values.only.split(',').includes(name));
const sections = [];
const about = machine();
let broken = false;
for (const bench of wanted) {
  const { text, seconds, skipped, failed } = await run(bench, rowsFile);
  broken ||= failed === true;
  // the line for programs that some end with is not for the page
  const body = skipped ? `Left out: ${skipped}.` : text.replace(/^\{".*$/gm, '').trim();
  // what is no Markdown table is shown as it was printed
  const shown = skipped || body.includes('|---') ? body : `\`\`\`\n${body}\n\`\`\``;
  sections.push(`## ${bench.title}\n\n\`bench/${bench.name}.mjs\`${skipped ? '' : `, ${seconds.toFixed(0)} s`}${failed ? ', **did not end well**' : ''}\n\n${shown}`);
}
const rows = existsSync(rowsFile) ? readFileSync(rowsFile, 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
rmSync(dir, { recursive: true, force: true });
const page = `# Benchmarks

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${about} Trust the ratios: each is to a peer in the same run on the same machine.

${table(rows)}

${sections.join('\n\n')}
`;
writeFileSync(values.out, page);
console.log(`${table(rows)}\n\nWritten to ${path.relative(root, values.out)}`);
process.exitCode = broken ? 1 : 0;
