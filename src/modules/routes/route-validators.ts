import { isIP } from 'node:net';
import { applyDecorators } from '@nestjs/common';
import { registerDecorator } from 'class-validator';
import { HOP_BY_HOP_FIELDS } from '../../common/http-fields.js';
import { MAX_PAGE_BYTES } from '../../common/load-balancing.js';

/** A check of one value, with the sentence that follows the field's name when it fails. */
function rule(name: string, message: string, validate: (value: unknown) => boolean, each = false) {
  return (): PropertyDecorator => (target, propertyName) =>
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: propertyName as string,
      options: { message: `$property ${message}`, each },
      validator: { validate },
    });
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
/** Visible characters, spaces and tabs inside: no CR, LF or NUL can split a head (RFC 9110 §5.5). */
const VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/;
const MAX_VALUE = 4096;
const MAX_HEADERS = 32;
/** Of names and values together: a backend's own fields must fit beside them into an engine's buffer. */
const MAX_HEADER_BYTES = 8192;
/** Framing and connection handling belong to the proxy; engines refuse a snapshot with rules for them. */
const PROTECTED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP_FIELDS,
  'http2-settings',
  'host',
  'content-length',
  'expect',
]);

const isToken = (value: unknown): value is string => typeof value === 'string' && TOKEN.test(value);
const isHeaderValue = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_VALUE && VALUE.test(value);
const mayBeChanged = (value: unknown) => isToken(value) && !PROTECTED.has(value.toLowerCase());

function isHeaderMap(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  const names = new Set(entries.map(([name]) => name.toLowerCase()));
  return (
    entries.length <= MAX_HEADERS &&
    names.size === entries.length &&
    entries.flat().join('').length <= MAX_HEADER_BYTES &&
    entries.every(([name, text]) => mayBeChanged(name) && isHeaderValue(text))
  );
}

export const IsFieldName = rule('isFieldName', 'must be a header or parameter name', isToken);
export const AreFieldNames = rule('isFieldName', 'must be header names', isToken, true);
/** class-validator's own rule fails on numbers that are written with an exponent. */
export const HasThreeDecimals = rule(
  'hasThreeDecimals',
  'must have at most 3 decimals',
  (value) => typeof value === 'number' && Number(value.toFixed(3)) === value,
);
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?: *; *[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
export const IsMediaType = rule(
  'isMediaType',
  'must be a media type such as text/html; charset=utf-8',
  (value) => typeof value === 'string' && MEDIA_TYPE.test(value),
);
export const IsPage = rule(
  'isPage',
  `must have at most ${MAX_PAGE_BYTES} bytes`,
  (value) => typeof value === 'string' && Buffer.byteLength(value) <= MAX_PAGE_BYTES,
);
/** A line break, or NUL, is in no header, and no engine could be told of it. */
export const IsOneLine = rule(
  'isOneLine',
  'must be on one line',
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it refuses
  (value) => typeof value === 'string' && !/[\u0000\r\n]/.test(value),
);
export const IsHeaderMap = rule(
  'isHeaderMap',
  `must map up to ${MAX_HEADERS} header names to values on one line, ${MAX_HEADER_BYTES} characters together; hop-by-hop headers, Host, Content-Length and Expect cannot be set`,
  isHeaderMap,
);
export const AreChangeableHeaders = rule(
  'isChangeableHeader',
  'must be header names; hop-by-hop headers, Host, Content-Length and Expect cannot be removed',
  mayBeChanged,
  true,
);

/** A block such as `203.0.113.0/24`, or one address. */
function isCidr(value: unknown): boolean {
  const [, address = '', bits] =
    typeof value === 'string' ? (/^([^/]+)(?:\/(\d{1,3}))?$/.exec(value) ?? []) : [];
  const family = address.includes('%') ? 0 : isIP(address);
  return family !== 0 && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128));
}
export const AreCidrs = rule('isCidr', 'must be CIDR blocks such as 203.0.113.0/24', isCidr, true);

/** `*`, or the origin of a page. */
export const AreOrigins = rule(
  'isOrigin',
  'must be origins such as https://app.example.com, or *',
  (value) =>
    value === '*' || (typeof value === 'string' && /^https?:\/\/[a-z0-9.-]+(?::\d{1,5})?$/.test(value)),
  true,
);

function isRedirectTarget(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 2048 || !/^[\x21-\x7e]+$/.test(value)) return false;
  if (value.startsWith('/')) return !/^\/[/\\]/.test(value);
  return /^https?:\/\/[^/\\]/i.test(value) && URL.canParse(value);
}
export const IsRedirectTarget = rule(
  'isRedirectTarget',
  'must be an http or https URL, or a path',
  isRedirectTarget,
);

/** Named so that two rules on one field keep their own messages. */
export const Named = (name: string, message: string, validate: (value: unknown) => boolean) =>
  applyDecorators(rule(name, message, validate)());
