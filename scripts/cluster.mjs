// npm run cluster [-- 3], or -- --nodes 3 --base-port 8080: several nodes of one installation on this machine, for trying out high
// availability: one PostgreSQL (embedded, or DATABASE_URL) and N servers as processes of their own, each with its ports:
// API base + 10·i, admin + 1, data plane + 2, TLS + 3. Ctrl+C stops all of them; one that dies does not stop the others.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from './ensure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { nodes: { type: 'string', default: '3' }, 'base-port': { type: 'string', default: '8080' } },
});
const count = Number(positionals[0] ?? values.nodes);
const base = Number(values['base-port']);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(base)) {
  console.error('npm run cluster [-- 3], or -- --nodes 3 --base-port 8080');
  process.exit(2);
}
ensureInstalled();
ensureBuilt();

const dataDir = resolve(root, process.env.DATA_DIR ?? '.data', 'cluster');
mkdirSync(dataDir, { recursive: true });
let postgres = null;
if (!process.env.DATABASE_URL) {
  const { startEmbeddedPostgres } = await import(join(root, 'dist/src/platform/database/embedded-postgres.js'));
  postgres = await startEmbeddedPostgres({ dataDir, settings: { max_connections: 40 * count } });
}
/** Made once and kept beside the data, which holds what they signed and encrypted. */
function keptSecret(name) {
  const file = join(dataDir, `${name}.key`);
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}
const shared = {
  JWT_SECRET: process.env.JWT_SECRET ?? keptSecret('jwt'),
  ENCRYPTION_KEY: process.env.ENCRYPTION_KEY ?? keptSecret('encryption'),
  BACKUP_TARGET: process.env.BACKUP_TARGET ?? join(dataDir, 'backups'),
};

function startNode(i) {
  const port = base + 10 * i;
  const child = fork(join(root, 'dist/src/main.js'), [], {
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: true, // Ctrl+C reaches this process only, which stops the nodes one by one
    env: {
      ...process.env,
      ...shared,
      DATABASE_URL: process.env.DATABASE_URL ?? postgres.url,
      DATA_DIR: join(dataDir, `node-${i + 1}`),
      NODE_NAME: `node-${i + 1}`,
      PORT: String(port),
      PORT_ALIASES: '',
      ADMIN_PORT: String(port + 1),
      PROXY_PORT: String(port + 2),
      PROXY_TLS_PORT: String(port + 3),
    },
  });
  child.once('exit', (code) => console.log(`node-${i + 1} (pid ${child.pid}) ended with ${code}`));
  return new Promise((ok) => {
    child.once('message', () => {
      console.log(`node-${i + 1}  pid ${child.pid}  API http://127.0.0.1:${port}  load balancer http://127.0.0.1:${port + 2}`);
      ok(child);
    });
    child.once('exit', () => ok(child));
  });
}

const nodes = [];
for (let i = 0; i < count; i++) nodes.push(await startNode(i));
console.log(`\n${count} nodes of one installation; GET /api/cluster shows them. Ctrl+C stops all.`);

let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  for (const node of nodes) {
    if (node.exitCode !== null || node.signalCode !== null) continue;
    const ended = new Promise((ok) => node.once('exit', ok));
    node.kill('SIGTERM');
    await ended;
  }
  await postgres?.stop();
  process.exit(0);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
const parent = process.ppid;
if (process.env.npm_lifecycle_event)
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, 200).unref();
setInterval(() => undefined, 60_000);
