import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** CSV files below a folder as paths relative to it, the longest first. */
export function csvFiles(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.csv'))
    .map((name) => relative(folder, join(folder, name)))
    .sort((a, b) => statSync(join(folder, b)).size - statSync(join(folder, a)).size || a.localeCompare(b));
}

/** Reads `timestamp,value` rows with a header; times without a zone are UTC. */
export function readCsv(path) {
  const [, ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  return lines.map((line) => {
    const [time, value] = line.split(',');
    const iso = time.trim().replace(' ', 'T');
    return { timestamp: Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`), value: Number(value) };
  });
}
