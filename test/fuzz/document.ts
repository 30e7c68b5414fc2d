import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import * as ajvFormats from 'ajv-formats';

/** The part of JSON Schema that our document uses. */
export interface Schema {
  $ref?: string;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  type?: string | string[];
  enum?: unknown[];
  example?: unknown;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

type Content = Record<string, { schema?: Schema }>;
type Response = { content?: Content };

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** By media type; undefined: takes no body. */
  readonly body: Content | undefined;
  readonly bodyRequired: boolean;
  readonly responses: Record<string, Response>;
  readonly leastRole: string | undefined;
  readonly alias: boolean;
}

interface RawOperation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, Response | { $ref: string }>;
  'x-least-role'?: string;
  'x-alias-of'?: string;
}

/** What other people's programs send: they may say more than we read. */
const MAY_SAY_MORE = new Set(['AlertmanagerWebhook', 'AlertmanagerAlert']);

const document = closed(JSON.parse(readFileSync('openapi.json', 'utf8'))) as {
  paths: Record<string, Record<string, RawOperation>>;
  webhooks: Record<string, { post: { requestBody: { content: Content } } }>;
  components: { schemas: Record<string, Schema>; responses: Record<string, Response> };
};

/** Refuses every property that the document does not name, in requests and in answers: what is not declared is a leak. */
function closed(node: unknown, name = ''): unknown {
  if (Array.isArray(node)) return node.map((one) => closed(one));
  if (typeof node !== 'object' || node === null) return node;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) copy[key] = key === 'example' ? value : closed(value, key);
  if (MAY_SAY_MORE.has(name)) return copy;
  const isObject = typeof copy.properties === 'object' && !Array.isArray(copy.properties);
  if (isObject && copy.type === 'object' && copy.additionalProperties === undefined)
    copy.additionalProperties = false;
  return copy;
}

export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, raw]) => ({
    id: raw.operationId,
    method: method.toUpperCase(),
    path,
    parameters: raw.parameters ?? [],
    body: raw.requestBody?.content,
    bodyRequired: raw.requestBody?.required ?? false,
    responses: Object.fromEntries(
      Object.entries(raw.responses).map(([status, response]) => [status, responseOf(response)]),
    ),
    leastRole: raw['x-least-role'],
    alias: raw['x-alias-of'] !== undefined,
  })),
);

function responseOf(response: Response | { $ref: string }): Response {
  return '$ref' in response ? document.components.responses[response.$ref.split('/').at(-1)!]! : response;
}

/** The schema that a `$ref` names; any other schema as it is. */
export function resolve(schema: Schema): Schema {
  const inner = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]!.$ref : undefined);
  return inner ? document.components.schemas[inner.split('/').at(-1)!]! : schema;
}

/** What a live channel may send. @param path `/api/ws/{channel}` as in the document */
export const frameSchema = (path: string): Schema =>
  responseOf(document.paths[path]!.get!.responses['101']!).content!['application/json']!.schema!;

/** What a webhook may receive. */
export const messageSchema = (type: string): Schema =>
  (document.webhooks[type] ?? document.webhooks['*']!).post.requestBody.content['application/json']!.schema!;

const ajv = new Ajv2020({ strict: false, allErrors: false });
(ajvFormats as unknown as { default: (to: Ajv2020) => void }).default(ajv);
ajv.addFormat('binary', true);
ajv.addSchema({ $id: 'openapi', components: document.components });
const compiled = new Map<Schema, ValidateFunction>();

/** What is wrong with the value; undefined: nothing. */
export function violation(schema: Schema, value: unknown): string | undefined {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv.compile(absolute(schema) as object);
    compiled.set(schema, validate);
  }
  return validate(value) ? undefined : ajv.errorsText(validate.errors, { dataVar: '' });
}

function absolute(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(absolute);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [
      key,
      key === '$ref' ? `openapi${value as string}` : key === 'example' ? value : absolute(value),
    ]),
  );
}
