import { domainToASCII } from 'node:url';
import { isHostName } from '../../common/addresses.js';

/**
 * The one spelling of a route's host: lower case, international names as punycode (UTS #46), `*.` in front for any
 * one or more labels. Null when it is none. IP addresses are none: nobody may claim an address that all share.
 */
export function normaliseHost(text: string): string | null {
  const wildcard = text.startsWith('*.');
  const name = (wildcard ? text.slice(2) : text).toLowerCase();
  // the URL rules would also decode %-escapes and strip characters
  if (name.length > 253 || /[\s%/\\?#@:[\]]/.test(name)) return null;
  const ascii = domainToASCII(name);
  if (!isHostName(ascii) || (wildcard && !ascii.includes('.'))) return null;
  return wildcard ? `*.${ascii}` : ascii;
}

const base = (host: string) => (host.startsWith('*.') ? host.slice(2) : host);

/** The wildcards that cover a host, itself included when it is one: `a.b.c` → `*.b.c`. */
export function coveringWildcards(host: string): string[] {
  const labels = base(host).split('.');
  const first = host.startsWith('*.') ? 0 : 1;
  return labels.slice(first, -1).map((_, i) => `*.${labels.slice(first + i).join('.')}`);
}

/** What two hosts have in common when one can cover the other; claims of such hosts wait for each other. */
export const claimGroup = (host: string): string => base(host).split('.').slice(-2).join('.');

const PATH = /^(?:\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+)*$/;

/**
 * The one spelling of a path prefix: no trailing slash except the root's. Null when it is none (RFC 3986 §3.3; empty
 * and dot segments have no place in a prefix).
 */
export function normalisePath(text: string): string | null {
  const path = text.replace(/\/$/, '');
  if (!text.startsWith('/') || path.length > 1024 || !PATH.test(path)) return null;
  const dots = path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
  return dots ? null : path || '/';
}
