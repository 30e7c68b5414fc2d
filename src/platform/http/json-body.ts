import { isUtf8 } from 'node:buffer';
import { badRequest, invalidField } from '../../common/errors.js';

/** Limits on the shape of a body, checked before anything looks into it: validators are super-linear in keys. */
const MAX_DEPTH = 32;
const MAX_KEYS = 1000;

export interface JsonLimits {
  maxDepth: number;
  maxKeys: number;
}

/**
 * Counts nesting and keys in the raw bytes, without parsing: a body that is too deep overflows the parser's stack.
 * Every `:` outside of a string belongs to one key.
 */
function checkShape(body: Buffer, limits: JsonLimits): void {
  let depth = 0;
  let keys = 0;
  let inString = false;
  for (let i = 0; i < body.length; i++) {
    const c = body[i]!;
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > limits.maxDepth)
        throw badRequest('BODY_TOO_DEEP', `The body is nested deeper than ${limits.maxDepth} levels`);
    } else if (c === 0x7d || c === 0x5d) depth--;
    else if (c === 0x3a && ++keys > limits.maxKeys)
      throw badRequest('BODY_TOO_MANY_KEYS', `The body has more than ${limits.maxKeys} keys`);
  }
}

function checkText(text: string, path: string): void {
  if (text.includes('\u0000')) throw invalidField(path, 'text', `${path} must not contain NUL characters`);
  if (!text.isWellFormed()) throw invalidField(path, 'text', `${path} must not contain lone surrogates`);
}

/** Refuses text that PostgreSQL would not store as sent, and keys that reach for an object's prototype. */
function checkValues(value: unknown, path: string): void {
  if (typeof value === 'string') {
    checkText(value, path || 'body');
    return;
  }
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) checkValues(item, path ? `${path}.${i}` : String(i));
    return;
  }
  if (value === null || typeof value !== 'object') return;
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype')
      throw invalidField(key, 'whitelist', `property ${key} should not exist`);
    checkText(key, 'body');
    checkValues(item, path ? `${path}.${key}` : key);
  }
}

/** What the parser says, without the piece of the body that it repeats. */
const reasonOf = (error: SyntaxError): string => error.message.replace(/, (?:\.{3})?".*$/s, '');

/**
 * Parses a JSON body strictly: UTF-8 only, bounded depth and number of keys, no NUL and no lone surrogates.
 * An empty body is undefined, as a DELETE with a JSON content type sends it.
 * @throws AppError 400 when it is no JSON, 422 naming the field when a text is not acceptable
 */
export function parseJsonBody(
  body: Buffer,
  limits: JsonLimits = { maxDepth: MAX_DEPTH, maxKeys: MAX_KEYS },
): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw badRequest('INVALID_ENCODING', 'The body is not valid UTF-8');
  checkShape(body, limits);
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (e) {
    throw badRequest('INVALID_JSON', `The body is not valid JSON: ${reasonOf(e as SyntaxError)}`);
  }
  checkValues(value, '');
  return value;
}
