import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const REFRESH_MS = 10_000;
/** A snapshot does not wait longer than this for a name server. */
const PATIENCE_MS = 1_000;

/**
 * Addresses of backends that are given by name. HAProxy only ever gets addresses: a name that cannot be resolved would
 * make its whole configuration invalid, and servers that are added at run time cannot have one.
 */
export class HostAddresses {
  private readonly known = new Map<string, string>();
  private wanted = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  /** @param onChange Called when a name has another address than before. */
  constructor(
    private readonly onChange: (host: string) => void,
    private readonly resolve: (host: string) => Promise<readonly string[]> = resolveHost,
  ) {}

  /** The address of a name, the address itself for an address, null when it cannot be resolved. */
  address(host: string): string | null {
    return isIP(host) ? host : (this.known.get(host) ?? null);
  }

  /** From now on these names are kept resolved. Waits for new ones, within reason. */
  async use(hosts: Iterable<string>): Promise<void> {
    this.wanted = new Set([...hosts].filter((host) => isIP(host) === 0));
    for (const host of [...this.known.keys()]) if (!this.wanted.has(host)) this.known.delete(host);
    const fresh = [...this.wanted].filter((host) => !this.known.has(host));
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
    await Promise.all(hosts.map((host) => this.refreshOne(host)));
  }

  /** An address that is still among the answers stays; without an answer the last known one does. */
  private async refreshOne(host: string): Promise<void> {
    const addresses = await this.resolve(host).catch((): string[] => []);
    const before = this.known.get(host);
    if (addresses.length === 0 || (before !== undefined && addresses.includes(before))) return;
    if (!this.wanted.has(host)) return;
    this.known.set(host, addresses.find((address) => isIP(address) === 4) ?? addresses[0]);
    this.onChange(host);
  }
}

async function resolveHost(host: string): Promise<string[]> {
  const answers = await lookup(host, { all: true });
  return answers.map(({ address }) => address);
}
