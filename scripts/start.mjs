// npm start: installs and builds what is missing, then becomes the server, in this very process.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, stopWithNpm } from './ensure.mjs';

ensureInstalled();
ensureBuilt();
process.chdir(root);
process.setSourceMapsEnabled(true);
stopWithNpm();
await import(pathToFileURL(join(root, 'dist/src/main.js')));
