// npm start: installs and builds what is missing, then becomes the server, in this very process.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root } from './ensure.mjs';

ensureInstalled();
ensureBuilt();
process.chdir(root);
process.setSourceMapsEnabled(true);
if (process.env.npm_lifecycle_event) stopWithParent();
await import(pathToFileURL(join(root, 'dist/src/main.js')));

/** npm puts a shell between itself and us, which takes SIGTERM for itself and tells nobody. */
function stopWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 200);
  watch.unref();
}
