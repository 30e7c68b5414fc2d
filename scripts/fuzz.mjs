// npm run fuzz [-- --cases 500] [--operation 'Pools_.*'] [--seed 1] [--path 3:1:0] [--seconds 60] [--lanes 4] [--isolation]
// Requests made from openapi.json, good and bad, against the built program (test/fuzz): no 5xx, every answer of its
// declared schema, nothing accepted that the document refuses; then every operation with another tenant's ids.
// `--operation` is a regular expression for operation ids; `--seconds` bounds each operation, of which `--lanes` run
// side by side, each lane with a tenant of its own.
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, run } from './ensure.mjs';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '500' },
    operation: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    lanes: { type: 'string' },
    isolation: { type: 'boolean', default: false },
  },
});
const env = { VELOFLUX_FUZZ_CASES: values.cases, VELOFLUX_FUZZ_SECONDS: values.seconds };
for (const name of ['operation', 'seed', 'path', 'lanes']) if (values[name]) env[`VELOFLUX_FUZZ_${name.toUpperCase()}`] = values[name];
const files = values.isolation ? ['isolation'] : values.operation ? ['operations'] : ['operations', 'isolation'];

ensureInstalled();
ensureBuilt();
run(process.execPath, ['node_modules/jest/bin/jest.js', '--runInBand', ...files.map((f) => `test/fuzz/${f}.spec.ts`)], env);
