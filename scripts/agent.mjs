// npm run agent: installs and builds what is missing, then becomes the worker's agent, in this very process.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, stopWithNpm } from './ensure.mjs';

ensureInstalled();
ensureBuilt();
process.setSourceMapsEnabled(true);
stopWithNpm();
await import(pathToFileURL(join(root, 'dist/src/agent/main.js')));
