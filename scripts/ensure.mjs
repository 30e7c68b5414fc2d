// What the other scripts stand on: makes node_modules and dist what package-lock.json and the sources ask for.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs `work`, saying what it is, unless the digest of what it depends on is the one it was last run with. */
function unlessUnchanged(stamp, digest, what, work) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  console.error(`${what}…`);
  work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, digest);
}

const sha = (text) => createHash('sha256').update(text).digest('hex');

/** Installs when node_modules is missing or of another lock file. */
export function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Node ${process.versions.node} is too old: VeloFlux needs 20.19 or newer.`);
    process.exit(1);
  }
  const digest = sha(readFileSync(join(root, 'package-lock.json')));
  // devDependencies too, whatever NODE_ENV says: the build needs the compiler
  unlessUnchanged(join(root, 'node_modules/.veloflux-lock'), digest, 'Installing dependencies, once: a minute or so', () =>
    run(npm, ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']),
  );
}

function sources(dir) {
  return readdirSync(join(root, dir), { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(spec|contract)\.ts$/.test(entry.name) ? [] : [path];
  });
}

/** Builds when a source is newer or other than the ones dist was made from. */
export function ensureBuilt() {
  const files = [...sources('src'), ...sources('migrations'), 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', 'package-lock.json'];
  const digest = sha(files.map((f) => `${f} ${sha(readFileSync(join(root, f)))}`).join('\n'));
  unlessUnchanged(join(root, 'dist/.veloflux-build'), digest, 'Building', () => run(npm, ['run', 'build', '--silent']));
}

/** npm puts a shell between itself and us, which takes SIGTERM for itself and tells nobody: ends with that shell. */
export function stopWithNpm() {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 200);
  watch.unref();
}

export { run, npm };
