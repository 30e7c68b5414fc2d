import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mayBeBackend } from '../../../common/addresses.js';
import type { BackendConfig } from '../snapshot.js';

const REFRESH_MS = 10_000;
/** A snapshot does not wait longer than this for a name server. */
const PATIENCE_MS = 1_000;

/** Where a backend is: an address or a name, and whether it may be a private or loopback one. */
export type BackendHost = Pick<BackendConfig, 'host' | 'allowPrivate'>;

/**
 * Addresses of backends that are given by name. HAProxy only ever gets addresses: a name that cannot be resolved would
 * make its whole configuration invalid, and servers that are added at run time cannot have one. Whoever owns a name can
 * change where it leads (DNS rebinding), so every answer is judged as the embedded engine judges its connections.
 */
export class HostAddresses {
  /** By name: what it resolved to, and the address in use under each policy. */
  private readonly known = new Map<string, Known>();
  private wanted = new Set<string>();
  /** Looked up before: nobody waits a second time for a name that has no answer. */
  private readonly asked = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  /** @param onChange Called when a name has another address than before. */
  constructor(
    private readonly onChange: (host: string) => void,
    private readonly resolve: (host: string) => Promise<readonly string[]> = resolveHost,
  ) {}

  /** The address of a name, the address itself for an address, null when there is none or it is not allowed. */
  address({ host, allowPrivate = true }: BackendHost): string | null {
    if (isIP(host)) return mayBeBackend(host, { allowPrivate }) ? host : null;
    return this.known.get(host)?.[allowPrivate ? 'any' : 'public'] ?? null;
  }

  /** From now on these names are kept resolved. Waits for new ones, within reason. */
  async use(hosts: Iterable<string>): Promise<void> {
    this.wanted = new Set([...hosts].filter((host) => isIP(host) === 0));
    for (const host of [...this.asked]) if (!this.wanted.has(host)) this.forget(host);
    const fresh = [...this.wanted].filter((host) => !this.asked.has(host));
    if (this.wanted.size > 0) this.timer ??= setInterval(() => void this.refresh(), REFRESH_MS).unref();
    else this.stop();
    if (fresh.length > 0) await Promise.race([this.refreshAll(fresh), sleep(PATIENCE_MS)]);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  async refresh(): Promise<void> {
    await this.refreshAll([...this.wanted]);
  }

  private async refreshAll(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) this.asked.add(host);
    await Promise.all(hosts.map((host) => this.refreshOne(host)));
  }

  private forget(host: string): void {
    this.asked.delete(host);
    this.known.delete(host);
  }

  /** An address that is still among the answers stays; without an answer the last known one does. */
  private async refreshOne(host: string): Promise<void> {
    const addresses = await this.resolve(host).catch((): string[] => []);
    if (addresses.length === 0 || !this.wanted.has(host)) return;
    const before = this.known.get(host);
    const now: Known = {
      any: choose(addresses, true, before?.any),
      public: choose(addresses, false, before?.public),
    };
    this.known.set(host, now);
    if (now.any !== before?.any || now.public !== before.public) this.onChange(host);
  }
}

/** Address of a name where private addresses are allowed, and where they are not; null when none is left. */
interface Known {
  readonly any: string | null;
  readonly public: string | null;
}

function choose(addresses: readonly string[], allowPrivate: boolean, before?: string | null): string | null {
  const allowed = addresses.filter((address) => mayBeBackend(address, { allowPrivate }));
  if (before && allowed.includes(before)) return before;
  return allowed.find((address) => isIP(address) === 4) ?? allowed[0] ?? null;
}

async function resolveHost(host: string): Promise<string[]> {
  const answers = await lookup(host, { all: true });
  return answers.map(({ address }) => address);
}
