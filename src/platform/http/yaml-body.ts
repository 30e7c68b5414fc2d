import { isUtf8 } from 'node:buffer';
import { parse, YAMLParseError } from 'yaml';
import { badRequest } from '../../common/errors.js';
import { type JsonLimits, parseJsonBody } from './json-body.js';

/**
 * Parses a YAML 1.2 body that says what JSON could say: without aliases, which could make much of little, and tags of
 * its own. Everything that holds for JSON bodies holds for what it says.
 * @throws AppError 400 when it is no such YAML, else as `parseJsonBody`
 */
export function parseYamlBody(body: Buffer, limits: JsonLimits): unknown {
  if (!isUtf8(body)) throw badRequest('INVALID_ENCODING', 'The body is not valid UTF-8');
  return parseJsonBody(Buffer.from(asJson(body.toString('utf8'))), limits);
}

function asJson(text: string): string {
  try {
    return JSON.stringify(parse(text, { maxAliasCount: 0, logLevel: 'error' })) ?? '';
  } catch (e) {
    const at = e instanceof YAMLParseError && e.linePos ? ` (line ${e.linePos[0].line})` : '';
    const reason =
      e instanceof RangeError ? 'it is nested too deeply' : (e as Error).message.split('\n', 1)[0];
    throw badRequest('INVALID_YAML', `The body is not usable YAML${at}: ${reason}`);
  }
}
