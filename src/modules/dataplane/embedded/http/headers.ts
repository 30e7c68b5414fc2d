import { randomUUID } from 'node:crypto';
import { HOP_BY_HOP_FIELDS } from '../../../../common/http-fields.js';

/** Never forwarded; Expect is among them, as this side has dealt with it. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([...HOP_BY_HOP_FIELDS, 'http2-settings', 'expect']);
/** Naming these in Connection must not make them disappear: they frame or route the message. */
const NEVER_NAMED = new Set(['host', 'content-length', 'close', 'keep-alive']);
const LONGEST_HOP_BY_HOP = 19;

/** Fields that the Connection fields name, or null: nearly always it only says close or keep-alive. */
function fieldsNamedByConnection(raw: readonly string[]): Set<string> | null {
  let named: Set<string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length !== 10 || raw[i].toLowerCase() !== 'connection') continue;
    for (const part of raw[i + 1].split(',')) {
      const name = part.trim().toLowerCase();
      if (name === '' || NEVER_NAMED.has(name)) continue;
      named ??= new Set();
      named.add(name);
    }
  }
  return named;
}

export interface ForwardedFrom {
  readonly clientAddress: string;
  readonly scheme: 'http' | 'https';
  readonly hostField: string;
  readonly requestId: string;
}

/**
 * The request's fields for the backend: end-to-end ones as the client wrote them, then where it came from. The length
 * of the body is left out: whoever sends the body states it.
 */
export function forwardedRequestHeaders(raw: readonly string[], from: ForwardedFrom): string[] {
  const named = fieldsNamedByConnection(raw);
  const headers: string[] = [];
  let forwardedFor = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i];
    const lower = name.toLowerCase();
    if (lower.length <= LONGEST_HOP_BY_HOP && HOP_BY_HOP.has(lower)) continue;
    if (lower.startsWith('x-')) {
      if (lower === 'x-forwarded-for') {
        forwardedFor += `${raw[i + 1]}, `;
        continue;
      }
      if (lower === 'x-forwarded-proto' || lower === 'x-forwarded-host' || lower === 'x-request-id') continue;
    }
    if (lower === 'content-length' || named?.has(lower)) continue;
    headers.push(name, raw[i + 1]);
  }
  headers.push('X-Forwarded-For', forwardedFor + from.clientAddress, 'X-Forwarded-Proto', from.scheme);
  headers.push('X-Forwarded-Host', from.hostField, 'X-Request-Id', from.requestId);
  return headers;
}

/** The answer's fields for the client: end-to-end ones as the backend wrote them, but for those `dropped` names. */
export function forwardedResponseHeaders(
  raw: readonly string[],
  dropped: ((lowerCaseName: string) => boolean) | null = null,
): string[] {
  const named = fieldsNamedByConnection(raw);
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const lower = raw[i].toLowerCase();
    if ((lower.length <= LONGEST_HOP_BY_HOP && HOP_BY_HOP.has(lower)) || named?.has(lower)) continue;
    if (dropped?.(lower)) continue;
    headers.push(raw[i], raw[i + 1]);
  }
  return headers;
}

const SANE_REQUEST_ID = /^[\w.:;,=@+/-]{1,128}$/;

/** The client's request id when it is short and plain, else a new one. */
export function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID();
}

/** Value of the first field of that name (lower case), or undefined. */
export function headerValue(raw: readonly string[], lowerCaseName: string): string | undefined {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length === lowerCaseName.length && raw[i].toLowerCase() === lowerCaseName) return raw[i + 1];
  }
  return undefined;
}

/** Values of all fields of that name (lower case). */
export function headerValues(raw: readonly string[], lowerCaseName: string): string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1].toLowerCase() === lowerCaseName);
}

/** A socket's address as people write it: IPv4 not as `::ffff:a.b.c.d`, IPv6 without zone; 'unknown' when it is gone. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  if (address.startsWith('::ffff:')) return address.slice(7);
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}
