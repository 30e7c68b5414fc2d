import type { INestApplication, Type } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { getMetadataStorage } from 'class-validator';
import { ErrorBody, ErrorDetail } from './error-body.js';
import { FAILURES, type FailureStatus, failureResponse, sharedFailures } from './failures.js';

type Json = Record<string, unknown>;
interface Body {
  required?: boolean;
  content?: Record<string, { schema?: Json; example?: unknown }>;
}
export interface Operation extends Json {
  operationId: string;
  summary?: string;
  description?: string;
  responses: Record<
    string,
    {
      $ref?: string;
      description?: string;
      headers?: Json;
      content?: Record<string, { schema?: Json; example?: unknown }>;
    }
  >;
  requestBody?: Body;
  parameters?: { in: string; name: string }[];
}
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

export interface DocumentFrame {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  /** Descriptions by name, in the order of the document. */
  readonly tags: Readonly<Record<string, string>>;
  /** Requests that we make: path items by name, and the classes that they refer to. */
  readonly webhooks: { items: Record<string, { post: Operation }>; models: Type[] };
}

/** The OpenAPI 3.1 document of the whole API. It is a product: a client is generated from it. */
export function buildOpenApi(app: INestApplication, frame: DocumentFrame): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle(frame.title)
    .setDescription(frame.description)
    .setVersion(frame.version)
    .setOpenAPIVersion('3.1.0')
    .addBearerAuth()
    .addApiKey({ type: 'apiKey', name: 'X-API-Key', in: 'header' }, 'api_key');
  for (const [name, description] of Object.entries(frame.tags)) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    extraModels: [ErrorBody, ErrorDetail, ...frame.webhooks.models],
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  document.components = { ...document.components, responses: sharedFailures() };
  nameIntegers(document);
  for (const [, handlers] of byHandler(document)) markAliases(handlers);
  const versioned = versionedModels(document);
  forEachOperation(document, (operation, _path, method) => {
    tidySecurity(operation);
    documentHeaders(operation, versioned);
    documentErrors(operation, method, document);
    for (const body of [operation.requestBody, ...Object.values(operation.responses)])
      addExamples(body?.content, document);
  });
  for (const { post } of Object.values(frame.webhooks.items))
    addExamples(post.requestBody?.content, document);
  document.webhooks = frame.webhooks.items as NonNullable<OpenAPIObject['webhooks']>;
  return sorted(document);
}

function forEachOperation(
  document: OpenAPIObject,
  visit: (operation: Operation, path: string, method: string) => void,
) {
  for (const [path, item] of Object.entries(document.paths))
    for (const method of METHODS) {
      const operation = (item as Record<string, unknown>)[method] as Operation | undefined;
      if (operation) visit(operation, path, method);
    }
}

function byHandler(document: OpenAPIObject): Map<string, { operation: Operation; path: string }[]> {
  const handlers = new Map<string, { operation: Operation; path: string }[]>();
  forEachOperation(document, (operation, path, method) => {
    const key = `${method} ${operation.operationId.replace(/\[\d+\]|_\d+$/g, '')}`;
    handlers.set(key, [...(handlers.get(key) ?? []), { operation, path }]);
  });
  return handlers;
}

/** The first path of a handler is the name to use; the others say that they are aliases of it. */
function markAliases(entries: { operation: Operation; path: string }[]): void {
  const canonical = [...entries].sort(
    (a, b) => Number(b.path.startsWith('/api/')) - Number(a.path.startsWith('/api/')),
  )[0]!;
  const base = canonical.operation.operationId.replace(/\[\d+\]|_\d+$/g, '');
  canonical.operation.operationId = base;
  let n = 0;
  for (const { operation } of entries) {
    if (operation === canonical.operation) continue;
    n++;
    operation.operationId = `${base}_alias${n > 1 ? n : ''}`;
    operation.summary = `${operation.summary ?? ''} (alias of ${canonical.path})`.trim();
    operation['x-alias-of'] = canonical.path;
  }
}

/** Bearer token or API key: either is enough, so they are two entries, not one with both. A profile is a person's. */
function tidySecurity(operation: Operation): void {
  if (operation['x-public']) operation.security = [];
  else if (`${operation['x-permission']}`.startsWith('profile.')) operation.security = [{ bearer: [] }];
  else if (operation['x-permission']) operation.security = [{ bearer: [] }, { api_key: [] }];
}

/** What `If-Match` protects, by reference: wherever one is answered its entity tag is sent. */
function versionedModels(document: OpenAPIObject): Set<string> {
  const models = new Set<string>();
  forEachOperation(document, (operation) => {
    if (!operation.parameters?.some(({ name }) => name === 'If-Match')) return;
    for (const response of successes(operation)) models.add(modelOf(response));
  });
  models.delete('');
  return models;
}

function documentHeaders(operation: Operation, versioned: ReadonlySet<string>): void {
  const changes = operation.parameters?.some(({ name }) => name === 'wait');
  for (const response of successes(operation)) {
    const headers = {
      ...(versioned.has(modelOf(response)) && { ETag: ETAG }),
      ...(changes && { 'X-Config-Version': CONFIG_VERSION }),
    };
    if (Object.keys(headers).length) response.headers = { ...response.headers, ...headers };
  }
}

const ETAG = { description: 'Version of it, for `If-Match`', schema: { type: 'string', example: '"1"' } };
const CONFIG_VERSION = {
  description: 'Configuration version that contains the change; absent when nothing was changed',
  schema: { type: 'integer', example: 42 },
};

const successes = ({ responses }: Operation) =>
  Object.entries(responses).flatMap(([status, response]) => (status.startsWith('2') ? [response] : []));

const modelOf = ({ content }: Operation['responses'][string]): string =>
  `${content?.['application/json']?.schema?.$ref ?? ''}`;

/** Failures that follow from what an operation is: anything sent may be unreadable, any POST may reuse a key. */
function documentErrors(operation: Operation, method: string, document: OpenAPIObject): void {
  const codes = new Set<FailureStatus>([400, 429, 503]);
  const add = (...more: FailureStatus[]) => {
    for (const code of more) codes.add(code);
  };
  const guarded = operation['x-permission'] !== undefined;
  const parameters = operation.parameters ?? [];
  if (guarded) add(401, 403);
  if (guarded && method === 'post') add(409, 422);
  if (method !== 'get') add(413, 415);
  if (parameters.some((p) => p.in === 'path')) add(404, 422);
  if (parameters.some((p) => p.in === 'query')) add(422);
  if (operation.requestBody) add(422);
  for (const code of codes) operation.responses[code] ??= { description: FAILURES[code].description };
  for (const [code, response] of Object.entries(operation.responses))
    if (code >= '400' && !response.content)
      operation.responses[code] = failureOf(Number(code) as FailureStatus, response.description);
  if (operation.requestBody) operation.requestBody.required = needsBody(operation.requestBody, document);
}

/** A failure that says no more than its status does is a reference to the shared one. */
const failureOf = (status: FailureStatus, description?: string) =>
  description === FAILURES[status].description
    ? { $ref: `#/components/responses/${FAILURES[status].name}` }
    : failureResponse(status, description);

/** No body is taken as an empty one, which is fine where no field must be given. */
function needsBody({ content }: Body, document: OpenAPIObject): boolean {
  const schema = content?.['application/json']?.schema;
  const name = (schema?.$ref as string | undefined)?.split('/').at(-1);
  const target = (name ? document.components?.schemas?.[name] : schema) as
    | { required?: string[] }
    | undefined;
  return target === undefined || (target.required?.length ?? 0) > 0;
}

function addExamples(
  content: Record<string, { schema?: Json; example?: unknown }> | undefined,
  document: OpenAPIObject,
) {
  for (const media of Object.values(content ?? {}))
    if (media.schema && media.example === undefined) {
      const example = exampleOf(media.schema, document, 0);
      if (example !== undefined) media.example = example;
    }
}

/** Swagger's plugin makes `number` of every number; `IsInt` takes whole ones only, which the document must say. */
function nameIntegers(document: OpenAPIObject): void {
  const { validationMetadatas } = getMetadataStorage() as unknown as {
    validationMetadatas: Map<{ name: string }, { name?: string; propertyName: string }[]>;
  };
  const schemas = (document.components?.schemas ?? {}) as Record<
    string,
    { properties?: Record<string, Json> }
  >;
  for (const [{ name }, rules] of validationMetadatas)
    for (const { propertyName } of rules.filter((rule) => rule.name === 'isInt')) {
      const property = schemas[name]?.properties?.[propertyName];
      if (property?.type === 'number') property.type = 'integer';
    }
}

/** Puts the properties' own examples together to one of the whole body. */
function exampleOf(schema: Json, document: OpenAPIObject, depth: number): unknown {
  if (schema.example !== undefined) return schema.example;
  if (Array.isArray(schema.examples) && schema.examples.length) return schema.examples[0];
  if (depth > 12) return undefined;
  const ref = schema.$ref as string | undefined;
  if (ref) {
    const target = document.components?.schemas?.[ref.split('/').at(-1)!] as Json | undefined;
    return target && exampleOf(target, document, depth + 1);
  }
  if (Array.isArray(schema.allOf)) {
    const parts = schema.allOf.map((part: Json) => exampleOf(part, document, depth + 1));
    return parts.length === 1 ? parts[0] : Object.assign({}, ...parts);
  }
  for (const key of ['oneOf', 'anyOf'] as const)
    if (Array.isArray(schema[key])) return exampleOf((schema[key] as Json[])[0]!, document, depth + 1);
  if (schema.type === 'array') {
    const item = exampleOf((schema.items ?? {}) as Json, document, depth + 1);
    if (item !== undefined) return [item];
    return schema.minItems ? undefined : [];
  }
  if (schema.properties) {
    const required = (schema.required ?? []) as string[];
    const entries = Object.entries(schema.properties as Record<string, Json>)
      .map(([name, property]) => {
        const example = exampleOf(property, document, depth + 1);
        return [name, example === undefined && required.includes(name) ? {} : example] as const;
      })
      .filter(([, value]) => value !== undefined);
    return entries.length ? Object.fromEntries(entries) : undefined;
  }
  if (Array.isArray(schema.type) && schema.type.includes('null')) return null;
  if (schema.default !== undefined) return schema.default;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (schema.type === 'boolean') return true;
  return undefined;
}

/** Paths and schemas in a fixed order, so that the committed document changes only where the API does. */
function sorted(document: OpenAPIObject): OpenAPIObject {
  const byName = <T>(o: Record<string, T>) =>
    Object.fromEntries(Object.entries(o).sort(([a], [b]) => (a < b ? -1 : 1)));
  document.paths = byName(document.paths);
  if (document.components?.schemas) document.components.schemas = byName(document.components.schemas);
  return document;
}

/** Swagger UI on /api/docs, the document on /api/docs-json. */
export function serveOpenApi(app: INestApplication, document: OpenAPIObject): void {
  SwaggerModule.setup('api/docs', app, document, {
    jsonDocumentUrl: 'api/docs-json',
    yamlDocumentUrl: 'api/docs-yaml',
  });
}
