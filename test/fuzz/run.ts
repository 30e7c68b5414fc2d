import Stripe from 'stripe';
import { type Case, ETAG, REF, SIGNATURE } from './arbitraries.js';
import type { Answer, Call } from './call.js';
import { type Operation, type Parameter, violation } from './document.js';
import { kindOf, NEW_EACH_TIME, WEBHOOK_SECRET, type World } from './world.js';

/** A case with everything in place: what is sent, and what is known about it. */
export interface Prepared {
  readonly call: Call;
  /** Why the document refuses it; undefined: it does not. */
  readonly invalid: string | undefined;
  /** Kinds of existing things that its path names, when it names no others. */
  readonly named: readonly string[];
  readonly envelope: boolean;
}

function encode(segment: string): string {
  if (/^%[0-9a-f]{2}$/i.test(segment)) return segment;
  try {
    return encodeURIComponent(segment);
  } catch {
    return '%ED%A0%80'; // half a surrogate pair has no UTF-8
  }
}

async function existing(world: World, kind: string): Promise<string> {
  if (NEW_EACH_TIME.has(kind)) world.forget(kind);
  return world.get(kind);
}

/** Puts what exists in the place of the references, at any depth. */
async function resolved(value: unknown, world: World): Promise<unknown> {
  if (typeof value === 'string')
    return value.startsWith(REF) && !value.slice(REF.length).includes('@')
      ? existing(world, value.slice(REF.length))
      : value;
  if (Array.isArray(value)) return Promise.all(value.map((v) => resolved(v, world)));
  if (typeof value !== 'object' || value === null) return value;
  const pairs = await Promise.all(Object.entries(value).map(async ([k, v]) => [k, await resolved(v, world)]));
  return Object.fromEntries(pairs as [string, unknown][]);
}

async function pathOf(
  operation: Operation,
  given: Case,
  world: World,
): Promise<[string, Map<string, string>]> {
  let path = operation.path;
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(given.path)) {
    const kind = kindOf(operation, name);
    let text = value;
    if (value === `${REF}path:${name}`) text = await world.get(kind);
    else if (value === `${REF}unknown:${name}`) text = world.unknown(kind);
    values.set(name, text);
    path = path.replace(`{${name}}`, encode(text));
  }
  return [path, values];
}

/** What a text in a path or a query is, read as the schema says; a text that is no number stays one. */
function read(schema: Parameter['schema'], value: string): unknown {
  const types = [schema.type ?? 'string'].flat();
  if (types.some((t) => t === 'number' || t === 'integer') && /^-?\d+(\.\d+)?$/.test(value))
    return Number(value);
  if (types.includes('boolean') && /^(true|false)$/.test(value)) return value === 'true';
  return value;
}

function badParameters(
  operation: Operation,
  path: Map<string, string>,
  query: Case['query'],
): string | undefined {
  for (const [name, value] of path) {
    const { schema } = operation.parameters.find((p) => p.name === name)!;
    const wrong = violation(schema, read(schema, value));
    if (wrong) return `path ${name}: ${wrong}`;
  }
  const seen = new Set<string>();
  for (const [name, value] of query) {
    const parameter = operation.parameters.find((p) => p.in === 'query' && p.name === name);
    if (!parameter) return `query ${name} is not known`;
    if (seen.has(name)) return `query ${name} is given twice`;
    seen.add(name);
    const wrong = violation(parameter.schema, read(parameter.schema, value));
    if (wrong) return `query ${name}${wrong}`;
  }
  const missing = operation.parameters.find((p) => p.in === 'query' && p.required && !seen.has(p.name));
  return missing && `query ${missing.name} is missing`;
}

function badBody(
  operation: Operation,
  type: string | undefined,
  text: string | undefined,
): string | undefined {
  if (!operation.body) return undefined; // what nobody reads cannot be wrong
  if (type === undefined) return operation.bodyRequired ? 'no body' : undefined;
  if (type === 'application/gzip' && operation.body[type]) return undefined;
  if (type !== 'application/json') return `${type} is not taken`;
  if (text === '') return operation.bodyRequired ? 'an empty body' : undefined;
  let value: unknown;
  try {
    value = JSON.parse(text!);
  } catch {
    return 'no JSON';
  }
  const schema = operation.body['application/json']?.schema;
  const wrong = schema && violation(schema, value);
  return wrong && `body${wrong}`;
}

async function authorization(
  operation: Operation,
  given: Case,
  world: World,
): Promise<Record<string, string>> {
  if (given.actor === 'forged') return { authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' };
  const who = world.who(given.actor, operation);
  return who ? { authorization: `Bearer ${await world.token(who)}` } : {};
}

/** What depends on the rest of the request: a signature of its body, the tag of what its path names. */
async function madeHeader(
  value: string,
  path: string,
  text: string | undefined,
  world: World,
): Promise<string> {
  if (value === SIGNATURE)
    return Stripe.webhooks.generateTestHeaderString({ payload: text ?? '', secret: WEBHOOK_SECRET });
  if (value === ETAG) return world.etag(path);
  return value;
}

async function headersOf(given: Case, path: string, text: string | undefined, world: World) {
  const pairs = Object.entries(given.headers).map(async ([name, value]) => [
    name,
    await madeHeader(value, path, text, world),
  ]);
  return Object.fromEntries((await Promise.all(pairs)) as [string, string][]);
}

export async function prepare(operation: Operation, given: Case, world: World): Promise<Prepared> {
  const [path, values] = await pathOf(operation, given, world);
  const query = (await resolved(given.query, world)) as Case['query'];
  const search = query.map(([k, v]) => `${encode(k)}=${encode(v)}`).join('&');
  const { body } = given;
  let text: string | undefined;
  if (body.kind === 'raw') text = body.text;
  if (body.kind === 'json') text = JSON.stringify(await resolved(body.value, world));
  const type = { none: undefined, json: 'application/json', raw: (body as { type?: string }).type }[
    body.kind
  ];
  const base = operation.path.startsWith('/admin/') ? world.server.admin : world.server.api;
  return {
    call: {
      method: operation.method,
      url: `${base}${path}${search ? `?${search}` : ''}`,
      headers: {
        ...(await headersOf(given, path, text, world)),
        ...(await authorization(operation, given, world)),
        ...(type && { 'content-type': type }),
        ...(text !== undefined && { 'content-length': String(Buffer.byteLength(text)) }),
      },
      body: text,
    },
    invalid: badParameters(operation, values, query) ?? badBody(operation, type, text),
    named: Object.values(given.path).every((v) => v.startsWith(`${REF}path:`))
      ? Object.keys(given.path).map((name) => kindOf(operation, name))
      : [],
    envelope: given.headers['X-API-Version'] === '1.0',
  };
}

/** 503 is right when what it needs is not here: these say which. */
const ABSENT = new Set([
  'CONFIG_NOT_APPLIED',
  'MODEL_UNAVAILABLE',
  'SSO_PROVIDER_UNAVAILABLE',
  'TOO_BUSY',
  'WEBHOOKS_NOT_CONFIGURED',
]);

/** Their answer of 200 says what was wrong with what was sent. */
const saysSo = (operation: Operation, { text }: Answer): boolean =>
  operation.id === 'Configuration_validate'
    ? text.includes('"status":"invalid"')
    : operation.id.startsWith('Bulk_') && !text.includes('"failed":0');

/** Everything that the answer breaks of what the document promises. */
export function faultsOf(operation: Operation, { invalid, envelope }: Prepared, answer: Answer): string[] {
  const faults: string[] = [];
  const accepted = answer.status < 300;
  const code = /"code":\s*"(\w+)"/.exec(answer.text)?.[1] ?? '';
  if (answer.status >= 500 && !(answer.status === 503 && ABSENT.has(code)) && answer.status !== 504)
    faults.push(`${answer.status} ${code}`);
  // slow is one thing; what was taken and then refused by an engine is another
  if (code === 'CONFIG_NOT_APPLIED') faults.push(answer.text);
  if (invalid && accepted && !saysSo(operation, answer)) faults.push(`accepted, but ${invalid}`);
  const declared = operation.responses[answer.status];
  if (!declared) return [...faults, `status ${answer.status} ${code} is not declared`];
  const type = String(answer.headers['content-type'] ?? '').split(';')[0]!;
  if (!declared.content) return answer.text === '' ? faults : [...faults, 'a body where none is declared'];
  const content = declared.content[type];
  if (!content) return [...faults, `content type ${type || '(none)'} is not declared for ${answer.status}`];
  if (type !== 'application/json' || !content.schema) return faults;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(answer.text, 'latin1').toString());
  } catch {
    return [...faults, 'no JSON'];
  }
  if (accepted && envelope && content.schema.type === 'array') value = Object.values(value as object)[0];
  const wrong = violation(content.schema, value);
  return wrong ? [...faults, `the answer of status ${answer.status} is not of its schema:${wrong}`] : faults;
}
