/**
 * Header fields as RFC 9110 §5 and RFC 9112 §5 write them, read strictly: what is refused here is anything that two
 * readers could understand differently.
 */

/** Fields that frame the message: parsers disagree about tabs around their values, so there are none. */
const NO_TABS = new Set(['connection', 'content-length', 'proxy-connection', 'transfer-encoding']);
/** What may be in a field's value, a target or a reason phrase, and the ends of lines; nothing else (RFC 9110 §5.5). */
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff\r\n]/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Names met before, with their lower-case form: clients and backends use few. Bounded, for nothing stops them. */
const KNOWN_NAMES = new Map<string, string>();
const MAX_KNOWN_NAMES = 1_000;
const LONGEST_KNOWN_NAME = 40;

const SPACE = 32;
const TAB = 9;
const LF = 10;

/** True when the text holds no control character but tabs and line ends. */
export function isCleanText(text: string): boolean {
  return !FORBIDDEN.test(text);
}

/** The name in lower case, or null when it is no token (RFC 9110 §5.6.2). */
function lowerCaseName(name: string): string | null {
  const known = KNOWN_NAMES.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) return null;
  const lower = name.toLowerCase();
  if (KNOWN_NAMES.size < MAX_KNOWN_NAMES && name.length <= LONGEST_KNOWN_NAME) KNOWN_NAMES.set(name, lower);
  return lower;
}

/**
 * Reads field lines from `at` to the end of `text`, whose last characters are CRLF: names and values in turn into
 * `raw`, names in lower case into `names`. No folded lines, no space before the colon, no bare CR or LF, names are
 * tokens. The text must be clean.
 *
 * @returns false when a line is not a field.
 */
export function readFields(text: string, at: number, raw: string[], names: string[]): boolean {
  let start = at;
  while (start < text.length) {
    const colon = text.indexOf(':', start);
    const end = text.indexOf('\r', start);
    if (colon <= start || colon > end || text.charCodeAt(end + 1) !== LF) return false;
    const name = text.slice(start, colon);
    const lower = lowerCaseName(name);
    if (lower === null) return false;
    const value = trimmed(text, colon + 1, end);
    if (NO_TABS.has(lower) && text.slice(colon, end).includes('\t')) return false;
    // A bare LF; a bare CR would not have been followed by LF.
    if (value.includes('\n')) return false;
    raw.push(name, value);
    names.push(lower);
    start = end + 2;
  }
  return true;
}

/** Without optional white space on both sides (RFC 9110 §5.6.3). */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

const LENGTH = /^(?:0|[1-9]\d{0,14})$/;

/** A Content-Length in its one canonical form, or null. At most 15 digits, so it is a safe integer. */
function readLength(value: string): number | null {
  return LENGTH.test(value) ? Number(value) : null;
}

/** What the fields of a message say of its body. Both are taken once, and in one form: parties must not differ about it. */
export class BodyFields {
  length: number | null = null;
  chunked = false;

  /** @returns false when it is not valid, or the second. */
  protected takeLength(value: string): boolean {
    if (this.length !== null) return false;
    this.length = readLength(value);
    return this.length !== null;
  }

  /** @returns false when it is not chunked alone, or the second. */
  protected takeCoding(value: string): boolean {
    if (this.chunked || value.toLowerCase() !== 'chunked') return false;
    this.chunked = true;
    return true;
  }
}
