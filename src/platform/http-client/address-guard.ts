import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { addressKind } from '../../common/addresses.js';
import { OutgoingError } from './outgoing-error.js';

export type Resolve = typeof dns.lookup;

const blocked = () =>
  new OutgoingError('blocked_address', 'the address is not one that requests may be sent to');

/**
 * Which hosts outgoing requests may reach. Public addresses over https, and what the operator listed: an exception
 * may be private and http. Link-local and metadata addresses are never reached, listed or not.
 */
export class AddressGuard {
  private readonly exceptions: ReadonlySet<string>;

  constructor(
    exceptions: readonly string[],
    private readonly resolve: Resolve = dns.lookup,
  ) {
    this.exceptions = new Set(exceptions.map((e) => e.toLowerCase()));
  }

  /** Whether the operator listed `host` or `host:port`. */
  isException(host: string, port: string | number): boolean {
    return this.exceptions.has(host) || this.exceptions.has(`${host}:${port}`);
  }

  /** Why no request goes to this URL, for people; null when it may. A name is judged again once it is resolved. */
  problemOf(url: URL): string | null {
    const host = hostOf(url.hostname);
    const exempt = this.isException(host, portOf(url));
    if (url.protocol !== 'https:' && !(exempt && url.protocol === 'http:')) return 'must be an https URL';
    if (url.username || url.password) return 'must not carry a user name or password';
    if (isIP(host) ? !this.mayConnect(host, exempt) : !exempt && /(?:^|\.)localhost\.?$/.test(host))
      return 'must not lead to a private, loopback, link-local or metadata address';
    return null;
  }

  /** @throws OutgoingError when the host is an address that must not be reached */
  requireLiteral(host: string, exempt: boolean): void {
    if (isIP(host) && !this.mayConnect(host, exempt)) throw blocked();
  }

  /** Resolves as `dns.lookup` does and gives only addresses that may be reached: those are the ones connected to. */
  lookup(exempt: boolean): LookupFunction {
    return (hostname, options, callback) =>
      this.resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 0);
        const allowed = addresses.filter(({ address }) => this.mayConnect(address, exempt));
        const [first] = allowed;
        if (!first) return callback(blocked() as NodeJS.ErrnoException, '', 0);
        if (options.all) callback(null, allowed);
        else callback(null, first.address, first.family);
      });
  }

  private mayConnect(address: string, exempt: boolean): boolean {
    const kind = addressKind(address);
    return exempt ? kind !== null && kind !== 'never' : kind === 'public';
  }
}

/** An IPv6 address stands in brackets in a URL and without them on a socket. */
export const hostOf = (hostname: string): string => hostname.replace(/^\[|\]$/g, '').toLowerCase();

const portOf = (url: URL): string => url.port || (url.protocol === 'http:' ? '80' : '443');
