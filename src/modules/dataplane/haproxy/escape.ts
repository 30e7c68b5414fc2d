import { isIP } from 'node:net';
import { SnapshotRefused } from '../engine.js';

/**
 * Everything that comes from a tenant passes through here before it reaches a configuration file, a map file or the
 * runtime API. What HTTP itself cannot carry is refused; everything else is escaped, never dropped.
 */

/** C0 controls but the tab, DEL, and lone surrogates: no header value, path or map line can hold them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const UNPRINTABLE = /[\u0000-\u0008\u000a-\u001f\u007f]|\p{Cs}/u;
const SAFE_ID = /^[A-Za-z0-9_-]{1,100}$/;
const HOST = /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$|^\[[0-9a-f:.]+\]$/;
/** RFC 9110 §5.6.2 token. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
/** A longer value would not fit HAProxy's buffer (`tune.bufsize`, 16 kB) next to the rest of the message. */
const LONGEST_TEXT = 8_000;

/** Ids become names of sections and servers: refuses any that HAProxy could read as something else. */
export function checkedId(id: string, what: string): string {
  if (!SAFE_ID.test(id)) throw new SnapshotRefused(`the id of a ${what} has a character that is not allowed`);
  return id;
}

/** A host as routes have it: a name, `*.name` or a bracketed IPv6 address, lower case. */
export function checkedHost(host: string, routeId: string): string {
  if (host.length > 255 || !HOST.test(host))
    throw new SnapshotRefused(`${routeId}: the host is not a host name`);
  return host;
}

/** A value that travels in one header field or one line of a map. */
export function checkedText(text: string, what: string): string {
  if (UNPRINTABLE.test(text)) throw new SnapshotRefused(`${what} has a control character`);
  if (Buffer.byteLength(text) > LONGEST_TEXT)
    throw new SnapshotRefused(`${what} is longer than ${LONGEST_TEXT} bytes`);
  return text;
}

export function checkedHeaderName(name: string, what: string): string {
  if (!TOKEN.test(name)) throw new SnapshotRefused(`${what} is not a header name`);
  return name;
}

/** An address or CIDR block. */
export function checkedBlock(block: string, routeId: string): string {
  const [address, prefix, rest] = block.split('/');
  const family = isIP(address);
  const valid =
    family !== 0 &&
    !address.includes('%') &&
    rest === undefined &&
    (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)));
  if (!valid) throw new SnapshotRefused(`${routeId}: an entry of an address list is no CIDR block`);
  return block;
}

export function checkedInteger(value: number, least: number, most: number, what: string): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new SnapshotRefused(`${what} is not a whole number from ${least} to ${most}`);
  }
  return value;
}

/**
 * A path as it stands in a request line: what cannot stand there (space, controls, anything beyond ASCII) is
 * percent-encoded, everything else is kept as it is.
 */
export function requestPath(path: string): string {
  return path.replace(/[^\u0021-\u007e]+/gu, (text) => encodeURIComponent(text));
}

/** One word of a configuration file, in strong quotes: nothing is special inside but the quote itself. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One word of a command of the runtime API, where a backslash takes the meaning of any character. */
export function commandWord(text: string): string {
  return text.replace(/[^A-Za-z0-9_./:=|@-]/gu, (char) => (char.codePointAt(0)! < 128 ? `\\${char}` : char));
}
