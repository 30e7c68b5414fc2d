import { BlockList, isIP } from 'node:net';
import { Refusal } from '../http/answers.js';
import type { Guard } from './guard.js';

const FORBIDDEN = new Refusal(403, 'ADDRESS_REFUSED', 'This address may not use this route').toAnswer();

/** Splits `192.0.2.0/24` or a single address; null when it is neither. */
export function parseCidr(text: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const [address, bits, rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest !== undefined) return null;
  const longest = version === 4 ? 32 : 128;
  const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (!(length <= longest)) return null;
  return { address, bits: length, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** Deny wins over allow; with a non-empty allow list everybody else gets 403. */
export function ipFilter(allow: readonly string[], deny: readonly string[]): Guard {
  const allowed = blockList(allow);
  const denied = blockList(deny);
  return ({ clientAddress }) => {
    const version = isIP(clientAddress);
    if (version === 0) return FORBIDDEN;
    const family = version === 6 ? 'ipv6' : 'ipv4';
    if (denied.check(clientAddress, family)) return FORBIDDEN;
    return allow.length === 0 || allowed.check(clientAddress, family) ? null : FORBIDDEN;
  };
}

function blockList(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const cidr = parseCidr(block);
    if (cidr) list.addSubnet(cidr.address, cidr.bits, cidr.family);
  }
  return list;
}
