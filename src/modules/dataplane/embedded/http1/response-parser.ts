import { endsWithHead } from '../../../../common/http-statuses.js';
import { BodyFields, isCleanText, readFields } from './fields.js';

/** Where an answer's body ends (RFC 9112 §6.3). */
type BodyFraming = 'none' | 'length' | 'chunked' | 'close';

/** The head of an answer, checked. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn, as written. */
  readonly rawHeaders: string[];
  readonly framing: BodyFraming;
  /** Bytes, when `framing` is length. */
  readonly length: number;
  /** The connection may carry another request after this answer. */
  readonly reusable: boolean;
  /** From the Keep-Alive field: how long the backend keeps the connection, seconds; null when it does not say. */
  readonly keepAliveSeconds: number | null;
  /** Protocol of the Upgrade field, lower case. */
  readonly upgrade: string | null;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const KEEP_ALIVE_TIMEOUT = /(?:^|[\s,])timeout=(\d{1,6})(?:$|[\s,])/i;

const CLOSE = /(?:^|[\s,])close(?:$|[\s,])/i;

/** What the fields say about framing and the connection. */
class Framing extends BodyFields {
  close = false;
  keepAliveSeconds: number | null = null;
  upgrade: string | null = null;

  /** @returns false when it cannot be trusted. */
  take(name: string, value: string): boolean {
    switch (name) {
      case 'content-length':
        return this.takeLength(value);
      case 'transfer-encoding':
        return this.takeCoding(value);
      case 'connection':
      // Some parsers, node's among them, take it for the same.
      case 'proxy-connection':
        this.close ||= CLOSE.test(value);
        return true;
      case 'keep-alive': {
        const seconds = KEEP_ALIVE_TIMEOUT.exec(value);
        this.keepAliveSeconds = seconds ? Number(seconds[1]) : null;
        return true;
      }
      case 'upgrade':
        this.upgrade = value.toLowerCase();
        return true;
      default:
        return true;
    }
  }
}

/**
 * Reads the head of an answer: from the status line to the CRLF of its last field, without the empty line.
 *
 * @param text Latin-1, so that no byte is lost. @param toHead The answer is to a HEAD request.
 * @returns null when it is not valid: then nothing that follows on the connection can be trusted.
 */
export function parseResponseHead(text: string, toHead: boolean): ResponseHead | null {
  const lineEnd = text.indexOf('\r\n');
  const line = STATUS_LINE.exec(text.slice(0, lineEnd));
  if (!line || !isCleanText(text)) return null;
  const status = Number(line[2]);
  const rawHeaders: string[] = [];
  const names: string[] = [];
  if (!readFields(text, lineEnd + 2, rawHeaders, names)) return null;
  const said = new Framing();
  for (let i = 0; i < names.length; i++) if (!said.take(names[i], rawHeaders[2 * i + 1])) return null;
  const http10 = line[1] === '0';
  if (said.chunked && (said.length !== null || http10)) return null;
  const bodiless = toHead || endsWithHead(status);
  const framing = bodiless ? 'none' : said.chunked ? 'chunked' : said.length !== null ? 'length' : 'close';
  return {
    status,
    reason: line[3] ?? '',
    rawHeaders,
    framing,
    length: said.length ?? 0,
    // 204 and 304 with a coding: some servers send the chunks all the same.
    reusable: !http10 && !said.close && framing !== 'close' && !(bodiless && !toHead && said.chunked),
    keepAliveSeconds: said.keepAliveSeconds,
    upgrade: said.upgrade,
  };
}
