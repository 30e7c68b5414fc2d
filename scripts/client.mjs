// npm run client [-- --check]: writes openapi.json and client/schema.ts, the types of the generated client.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './ensure.mjs';

const check = process.argv.includes('--check');
run(process.execPath, ['scripts/openapi.mjs', ...(check ? ['--check'] : [])]);
const target = check ? '.data/schema.check.ts' : 'client/schema.ts';
run(process.execPath, [
  'node_modules/openapi-typescript/bin/cli.js',
  'openapi.json',
  '-o',
  target,
  '--default-non-nullable=false',
]);
if (check) {
  const fresh = readFileSync(join(root, target), 'utf8');
  rmSync(join(root, target));
  if (fresh !== readFileSync(join(root, 'client/schema.ts'), 'utf8')) {
    console.error('client/schema.ts is stale: run npm run client and commit what it writes.');
    process.exit(1);
  }
}
