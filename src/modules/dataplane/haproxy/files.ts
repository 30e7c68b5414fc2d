import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** A Unix socket's path has at most 107 bytes (unix(7)); HAProxy adds a suffix of its own while it binds. */
const LONGEST_DIRECTORY = 80;

/**
 * Where HAProxy's files are: `current` is a link to the generation in use, so that a new configuration takes the
 * place of the old one at once, and never before it was found valid.
 */
export class ConfigurationFiles {
  /** For sockets; elsewhere when the directory's name is too long for one. */
  readonly sockets: string;
  private readonly directory: string;
  private generation = 0;
  /** What `current` leads to, and what is written there. */
  private inUse: { name: string; files: Map<string, string> } | null = null;

  constructor(directory: string) {
    this.directory = resolve(directory);
    this.sockets = socketDirectory(this.directory);
  }

  /** What HAProxy is started with (`-f`): it reads the directory's `*.cfg` in the order of their names. */
  get configuration(): string {
    return join(this.directory, 'current');
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  socket(name: string): string {
    return join(this.sockets, name);
  }

  async prepare(): Promise<void> {
    for (const path of [this.directory, this.sockets]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      refuseForeign(path);
    }
    const generations = (await readdir(this.directory)).map((name) => /^generation-(\d+)$/.exec(name)?.[1]);
    this.generation = Math.max(0, ...generations.map((number) => Number(number ?? 0)));
  }

  /** Writes a whole configuration beside the one in use; it is not in use before `activate`. */
  async stage(files: ReadonlyMap<string, string>): Promise<StagedConfiguration> {
    const name = `generation-${++this.generation}`;
    const root = this.path(name);
    const folders = new Set([...files.keys()].map((file) => dirname(join(root, file))));
    for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o700 });
    await Promise.all([...files].map(([file, text]) => writeFile(join(root, file), text, { mode: 0o600 })));
    return {
      path: root,
      activate: () => this.activate(name, files),
      discard: () => rm(root, { recursive: true, force: true }),
    };
  }

  /**
   * Brings the configuration in use up to date, file by file, each one at once; what is not named goes. Synchronous: a
   * change is a few small files, and the four trips of each through the thread pool took ten times as long.
   */
  update(files: ReadonlyMap<string, string>): void {
    const written = this.inUse?.files ?? new Map<string, string>();
    const at = (name: string) => join(this.directory, 'current', name);
    for (const [name, text] of files) {
      if (written.get(name) === text) continue;
      replace(at(name), text);
      written.set(name, text);
    }
    for (const name of written.keys()) {
      if (files.has(name)) continue;
      rmSync(at(name), { force: true });
      written.delete(name);
    }
  }

  /** A file beside the configuration. */
  write(name: string, text: string): void {
    replace(this.path(name), text);
  }

  private async activate(name: string, files: ReadonlyMap<string, string>): Promise<() => Promise<void>> {
    const before = this.inUse;
    await this.link(name);
    this.inUse = { name, files: new Map(files) };
    return async () => {
      if (!before) return;
      await this.link(before.name);
      this.inUse = before;
    };
  }

  private async link(name: string): Promise<void> {
    const link = this.path('current.new');
    await rm(link, { force: true });
    await symlink(name, link);
    await rename(link, this.path('current'));
  }

  /** Removes every configuration: private keys are in them, which nobody reads any more. */
  async clear(): Promise<void> {
    await rm(this.path('current'), { force: true });
    this.inUse = null;
    await this.prune();
  }

  /** Removes every configuration but the one in use. */
  async prune(): Promise<void> {
    const entries = await readdir(this.directory);
    const old = entries.filter((entry) => entry.startsWith('generation-') && entry !== this.inUse?.name);
    await Promise.all(old.map((entry) => rm(this.path(entry), { recursive: true, force: true })));
  }
}

export interface StagedConfiguration {
  readonly path: string;
  /** Puts it in the place of the one in use; the function that it returns undoes that. */
  activate(): Promise<() => Promise<void>>;
  discard(): Promise<void>;
}

function replace(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** In a shared temporary directory somebody else may have been there first. */
function refuseForeign(path: string): void {
  const { uid, mode } = statSync(path);
  if (process.getuid && uid !== process.getuid())
    throw new Error('the directory for HAProxy belongs to another user');
  if ((mode & 0o022) !== 0) chmodSync(path, 0o700);
}

/** The same for the same directory, so that the next start finds the sockets. */
function socketDirectory(directory: string): string {
  if (Buffer.byteLength(directory) <= LONGEST_DIRECTORY) return directory;
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  return join(tmpdir(), `veloflux-${process.getuid?.() ?? 0}-${digest}`);
}
