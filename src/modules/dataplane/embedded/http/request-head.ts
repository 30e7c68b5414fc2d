import type { IncomingMessage } from 'node:http';
import { Refusal } from './answers.js';

/** What the engine needs of a request head, checked. */
export interface RequestHead {
  /** Lower case, without port and without a trailing dot. */
  readonly host: string;
  /** As sent. */
  readonly hostField: string;
  /** Without query, dot segments resolved. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly hasBody: boolean;
  /** Declared length; null without one. */
  readonly contentLength: number | null;
}

const bad = (code: string, message: string): Refusal => new Refusal(400, code, message);

/**
 * Checks what Node's parser (llhttp, strict) lets through but RFC 9112 calls ambiguous: two Hosts, a target that
 * names another host, codings other than chunked, chunked in HTTP/1.0. The parser itself refuses Content-Length with
 * Transfer-Encoding, repeated Content-Length, line folding, bare CR or LF and NUL.
 */
export function readRequestHead(request: IncomingMessage, maxHeaderCount: number): RequestHead | Refusal {
  const { rawHeaders, httpVersion } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return new Refusal(505, 'HTTP_VERSION', 'HTTP/1.0 and HTTP/1.1 only');
  if (rawHeaders.length > maxHeaderCount * 2)
    return new Refusal(431, 'TOO_MANY_HEADERS', 'Too many header fields');

  let hostField: string | undefined;
  let contentLength: number | null = null;
  let chunked = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (hostField !== undefined) return bad('DUPLICATE_HOST', 'More than one Host field');
      hostField = rawHeaders[i + 1];
    } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (contentLength !== null || chunked)
        return bad('AMBIGUOUS_LENGTH', 'The length of the body is ambiguous');
      contentLength = Number(rawHeaders[i + 1]);
      if (!Number.isSafeInteger(contentLength))
        return bad('BAD_CONTENT_LENGTH', 'Content-Length is not a length');
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (chunked || contentLength !== null)
        return bad('AMBIGUOUS_LENGTH', 'The length of the body is ambiguous');
      if (httpVersion === '1.0') return bad('BAD_TRANSFER_ENCODING', 'Transfer-Encoding needs HTTP/1.1');
      if (rawHeaders[i + 1].toLowerCase() !== 'chunked')
        return bad('BAD_TRANSFER_ENCODING', 'Only chunked is understood');
      chunked = true;
    }
  }
  if (hostField === undefined) return bad('MISSING_HOST', 'The Host field is missing');
  return readTarget(request.url ?? '', hostField, chunked || (contentLength ?? 0) > 0, contentLength);
}

/** Checks a request's target against its Host field (RFC 9112 §3.2, §3.3). */
export function readTarget(
  url: string,
  hostField: string,
  hasBody: boolean,
  contentLength: number | null,
): RequestHead | Refusal {
  const host = hostName(hostField);
  if (host === null) return bad('BAD_HOST', 'The Host field is not a host');
  let target = url;
  if (target.charCodeAt(0) !== 47) {
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
    if (!absolute) return bad('BAD_TARGET', 'The request target is not a path');
    if (absolute[1].toLowerCase() !== hostField.toLowerCase()) {
      return bad('HOST_MISMATCH', 'The request target names another host than the Host field');
    }
    target = absolute[2].startsWith('/') ? absolute[2] : `/${absolute[2]}`;
  }
  if (target.includes('#')) return bad('BAD_TARGET', 'A fragment does not belong in a request target');
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark);
  return { host, hostField, path: resolveDotSegments(path), query, hasBody, contentLength };
}

const PLAIN_HOST = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const HOST_WITH_PORT = /^([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{0,5})?$/;

/** Host of a Host field: lower case, without port and trailing dot; null when it is none (RFC 9110 §7.2). */
export function hostName(field: string): string | null {
  if (field.length > 262) return null;
  if (PLAIN_HOST.test(field)) return field;
  const match = HOST_WITH_PORT.exec(field.toLowerCase());
  if (!match) return null;
  return match[1].endsWith('.') ? match[1].slice(0, -1) : match[1];
}

const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Resolves `.` and `..` segments, also percent-encoded ones (RFC 3986 §5.2.4, §6.2.2.3): a route must not be chosen by
 * a path that the backend would read as another one.
 */
export function resolveDotSegments(path: string): string {
  if (!(path.includes('/.') || path.includes('/%2')) || !DOT_SEGMENT.test(path)) return path;
  const output: string[] = [];
  const segments = path.split('/').slice(1);
  for (let i = 0; i < segments.length; i++) {
    const plain = segments[i].replace(/%2e/gi, '.');
    const last = i === segments.length - 1;
    if (plain === '..') output.pop();
    else if (plain !== '.') output.push(segments[i]);
    if (last && (plain === '.' || plain === '..')) output.push('');
  }
  return `/${output.join('/')}`;
}
