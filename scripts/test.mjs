// npm test [-- jest arguments]: installs and builds what is missing, then runs Jest.
import { ensureBuilt, ensureInstalled, run } from './ensure.mjs';

ensureInstalled();
ensureBuilt();
run(process.execPath, ['node_modules/jest/bin/jest.js', ...process.argv.slice(2)]);
