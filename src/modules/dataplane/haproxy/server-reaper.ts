import type { ServerRef } from './plan.js';
import { ask } from './runtime-api.js';

const RETRY_MS = 500;

/**
 * Deletes servers that were taken out. HAProxy only lets go of one that has no connection left, so it is asked again
 * and again; a reload does away with all of them.
 */
export class ServerReaper {
  private readonly names = new Set<string>();
  private readonly hopeless = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly socketPath: () => string) {}

  /** `section/server` of servers that are not deleted yet. */
  get pending(): ReadonlySet<string> {
    return this.names;
  }

  add(servers: readonly ServerRef[]): void {
    for (const { section, server } of servers) this.names.add(`${section}/${server}`);
    this.schedule();
  }

  clear(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.names.clear();
    this.hopeless.clear();
  }

  private schedule(): void {
    if (this.timer || this.names.size === this.hopeless.size) return;
    this.timer = setTimeout(() => void this.run(), RETRY_MS).unref();
  }

  private async run(): Promise<void> {
    const socket = this.socketPath();
    for (const name of [...this.names]) {
      if (this.hopeless.has(name)) continue;
      const answer = await ask(socket, `del server ${name}`).catch(() => '');
      // A reload in between made them another worker's servers.
      if (socket !== this.socketPath()) break;
      if (answer.includes('deleted')) this.names.delete(name);
      else if (answer.includes('cannot be removed')) this.hopeless.add(name);
    }
    this.timer = null;
    this.schedule();
  }
}
