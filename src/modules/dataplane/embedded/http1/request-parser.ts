import { Refusal } from '../http/answers.js';
import { type RequestHead, readTarget } from '../http/request-head.js';
import { BodyFields, isCleanText, readFields } from './fields.js';

/** The head of a plain request, checked. */
export interface ParsedRequest {
  readonly method: string;
  /** Names and values in turn, as written. */
  readonly rawHeaders: string[];
  readonly head: RequestHead;
  readonly chunked: boolean;
  /** The client wants the connection closed after the answer. */
  readonly close: boolean;
}

const REQUEST_LINE = /^(GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/;

/** What the fields say about framing and the connection. */
class Framing extends BodyFields {
  host: string | null = null;
  close: boolean | null = null;

  /** @returns false when it is not plain. */
  take(name: string, value: string): boolean {
    switch (name) {
      case 'host':
        if (this.host !== null) return false;
        this.host = value;
        return true;
      case 'content-length':
        return this.takeLength(value);
      case 'transfer-encoding':
        return this.takeCoding(value);
      case 'connection':
        return this.takeConnection(value.toLowerCase());
      case 'upgrade':
      case 'expect':
      case 'trailer':
      case 'proxy-connection':
      case 'http2-settings':
        return false;
      default:
        return true;
    }
  }

  private takeConnection(value: string): boolean {
    if (this.close !== null) return false;
    this.close = value === 'close';
    return this.close || value === 'keep-alive';
  }
}

/**
 * Reads the head of a request that is as plain as nearly all are: HTTP/1.1, a usual method, a path as the target, one
 * valid Host, one unambiguous framing, nothing about the connection but close or keep-alive. Whatever is not is for
 * node's parser to read or refuse: this one accepts only what that one understands in the same way.
 *
 * @param text From the request line to the CRLF of the last field, without the empty line; Latin-1, so that no byte
 *   is lost.
 * @returns null when the request is not plain.
 */
export function parseRequestHead(text: string, maxFields: number): ParsedRequest | null {
  const lineEnd = text.indexOf('\r\n');
  const line = REQUEST_LINE.exec(text.slice(0, lineEnd));
  if (!line || !isCleanText(text)) return null;
  const rawHeaders: string[] = [];
  const names: string[] = [];
  if (!readFields(text, lineEnd + 2, rawHeaders, names) || names.length > maxFields) return null;
  const said = new Framing();
  for (let i = 0; i < names.length; i++) if (!said.take(names[i], rawHeaders[2 * i + 1])) return null;
  if (said.host === null || (said.chunked && said.length !== null)) return null;
  const head = readTarget(line[2], said.host, said.chunked || (said.length ?? 0) > 0, said.length);
  if (head instanceof Refusal) return null;
  return { method: line[1], rawHeaders, head, chunked: said.chunked, close: said.close === true };
}
