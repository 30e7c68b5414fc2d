import { SnapshotRefused } from '../engine.js';

/**
 * Everything that comes from a tenant passes through here before it reaches a configuration file, a map or the runtime
 * API. What these cannot carry has been refused by validateSlice; the rest is escaped, never dropped.
 */

const SAFE_ID = /^[A-Za-z0-9_-]{1,100}$/;
/** Base64 of a longer value would not fit HAProxy's buffer (`tune.bufsize`, 16 kB). */
const LONGEST_TEXT = 8_000;

/** Ids become names of sections and servers: refuses any that HAProxy could read as something else. */
export function checkedId(id: string, what: string): string {
  if (!SAFE_ID.test(id)) throw new SnapshotRefused(`the id of a ${what} has a character that is not allowed`);
  return id;
}

/** A whole number for a configuration file. */
export function checkedInteger(value: number, least: number, most: number, what: string): number {
  const whole = Math.round(value);
  if (!(typeof value === 'number' && whole >= least && whole <= most)) {
    throw new SnapshotRefused(`${what} is not a number from ${least} to ${most}`);
  }
  return whole;
}

/** Refuses a text that one message or one line of a map cannot hold. */
export function checkedLength(text: string, what: string): string {
  if (Buffer.byteLength(text) > LONGEST_TEXT)
    throw new SnapshotRefused(`${what} is longer than ${LONGEST_TEXT} bytes`);
  return text;
}

/** One word of a configuration file, in strong quotes: nothing is special inside but the quote itself. */
export function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break would end the configuration's line
  if (/[\u0000\r\n]/.test(text)) throw new SnapshotRefused('a text has a line break');
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The same with the bytes that a header field has: one for each character (RFC 9110 §5.5), up to U+00FF. */
export function quotedBytes(text: string): string {
  return quoted(text).replace(
    /[\u0080-\u00ff]/g,
    (char) => `'\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}'`,
  );
}

/** One word of a command of the runtime API, where a backslash takes the meaning of any character. */
export function commandWord(text: string): string {
  return text.replace(/[^A-Za-z0-9_./:=|@-]/gu, (char) => (char.codePointAt(0)! < 128 ? `\\${char}` : char));
}
