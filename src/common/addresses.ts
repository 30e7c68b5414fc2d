import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * What an IP address is for. `never`: link-local, cloud metadata, unspecified, multicast, broadcast; nothing of ours
 * connects there on a tenant's word. `reserved`: documentation, benchmarking and future blocks.
 */
export type AddressKind = 'never' | 'loopback' | 'private' | 'reserved' | 'public';

/** Addresses on which clouds hand out credentials (AWS, GCP, Azure, Alibaba); link-local ones are covered by range. */
const METADATA = new Set(['100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254']);

const KINDS: Record<string, AddressKind> = {
  unspecified: 'never',
  broadcast: 'never',
  multicast: 'never',
  linkLocal: 'never',
  loopback: 'loopback',
  private: 'private',
  carrierGradeNat: 'private',
  uniqueLocal: 'private',
  unicast: 'public',
};

/** The kind of an address in dotted or colon form, without brackets or zone; null when it is none. */
export function addressKind(address: string): AddressKind | null {
  if (isIPv4(address)) return kindOf(ipaddr.IPv4.parse(address));
  if (!isIPv6(address) || address.includes('%')) return null;
  const ip = ipaddr.IPv6.parse(address);
  const inner = embeddedIPv4(ip);
  return inner ? kindOf(inner) : kindOf(ip);
}

function kindOf(ip: ipaddr.IPv4 | ipaddr.IPv6): AddressKind {
  return METADATA.has(ip.toString()) ? 'never' : (KINDS[ip.range()] ?? 'reserved');
}

/** The IPv4 address that a mapped, compatible, NAT64 or 6to4 address leads to (RFC 4291, 6052, 3056). */
function embeddedIPv4(ip: ipaddr.IPv6): ipaddr.IPv4 | null {
  const bytes = ip.toByteArray();
  const at = (offset: number) => new ipaddr.IPv4(bytes.slice(offset, offset + 4));
  if (ip.isIPv4MappedAddress() || ip.range() === 'rfc6145' || ip.range() === 'rfc6052') return at(12);
  if (ip.range() === '6to4') return at(2);
  const compatible = bytes.slice(0, 12).every((b) => b === 0) && bytes.slice(12, 15).some((b) => b !== 0);
  return compatible ? at(12) : null;
}

export interface AddressPolicy {
  /** Whether private and loopback addresses are allowed. */
  allowPrivate: boolean;
}

/** Whether a backend may have this IP address; to be asked again for every address that a name resolves to. */
export function mayBeBackend(address: string, policy: AddressPolicy): boolean {
  const kind = addressKind(address);
  if (kind === null || kind === 'never') return false;
  return policy.allowPrivate || (kind !== 'private' && kind !== 'loopback');
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);
/** Resolvers read a name whose last label is a number as an IPv4 address: `2852039166`, `0x7f.1`. */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/** Whether `name` is a host name in lower case (RFC 1123 §2.1), and no IPv4 address in disguise. */
export const isHostName = (name: string): boolean => HOST_NAME.test(name) && !ENDS_IN_NUMBER.test(name);

export interface HostPort {
  /** Host name in lower case, or IP address without brackets. */
  host: string;
  port: number;
}

/** Parses `host:port`, `192.0.2.1:80` or `[2001:db8::1]:80`; null when it is none of them. */
export function parseHostPort(text: string): HostPort | null {
  const match =
    text.length <= 255 ? /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):([1-9]\d{0,4})$/.exec(text) : null;
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return null;
  const [, v6, name] = match;
  if (v6 !== undefined) return isIPv6(v6) ? { host: ipaddr.IPv6.parse(v6).toString(), port } : null;
  const host = name!.toLowerCase();
  return isIPv4(host) || isHostName(host) ? { host, port } : null;
}

/** The one spelling of an address: `parseHostPort` reads it back. */
export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Why a backend must not have this host, for people; null when it may. Names are judged again once resolved. */
export function backendHostProblem(host: string, policy: AddressPolicy): string | null {
  const kind = addressKind(host);
  if (kind === 'never') return 'link-local, metadata, multicast and unspecified addresses are never backends';
  const local = kind === 'private' || kind === 'loopback' || /(?:^|\.)localhost$/.test(host);
  return local && !policy.allowPrivate ? 'private and loopback addresses are not allowed here' : null;
}
