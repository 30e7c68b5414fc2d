import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Schema, violation } from '../fuzz/document.js';

const sources = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((e) => e.isFile() && e.name.endsWith('.ts'))
    .map((e) => path.relative('.', path.join(e.parentPath, e.name)));

const files = sources('src').map((file) => ({ file, text: readFileSync(file, 'utf8') }));
const offenders = (pattern: RegExp, allowed: RegExp) =>
  files.filter(({ file, text }) => !allowed.test(file) && pattern.test(text)).map(({ file }) => file);

describe('rules of the source', () => {
  it('reads the environment in platform/config only, and in the agent, which is a program of its own', () => {
    expect(offenders(/process\.env/, /^src\/platform\/config\/|^src\/agent\/|\.spec\.ts$/)).toEqual([]);
  });

  it('never sets anything for a whole database session', () => {
    expect(offenders(/query\(\s*['"`]SET (?!LOCAL|TRANSACTION)/i, /\.spec\.ts$/)).toEqual([]);
  });

  it('skips no test and runs none alone', () => {
    const tests = [...sources('src'), ...sources('test')].filter((f) => f.endsWith('.spec.ts'));
    const odd = tests.filter((f) =>
      /\b(it|test|describe)\.(only|todo)\(|\bxit\(|\bxdescribe\(/.test(readFileSync(f, 'utf8')),
    );
    expect(odd).toEqual(odd.filter((f) => f.endsWith('architecture/rules.spec.ts')));
  });

  it('lets nobody log with console', () => {
    expect(offenders(/\bconsole\.\w+\(/, /\.spec\.ts$/)).toEqual([]);
  });
});

interface Operation {
  operationId: string;
  summary?: string;
  tags?: string[];
  'x-public'?: boolean;
  'x-permission'?: string;
  security?: object[];
  parameters?: { name: string; in: string; schema?: { type?: string } }[];
  requestBody?: { content?: Record<string, { schema?: unknown; example?: unknown }> };
  responses: Record<
    string,
    { headers?: object; content?: Record<string, { schema?: unknown; example?: unknown }> }
  >;
}

describe('the OpenAPI document', () => {
  const document = JSON.parse(readFileSync('openapi.json', 'utf8'));
  const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
    ([at, item]) => Object.entries(item).map(([method, operation]) => ({ at: `${method} ${at}`, operation })),
  );
  const where = (bad: (operation: Operation) => boolean) =>
    operations.filter(({ operation }) => bad(operation)).map(({ at }) => at);

  it('states for every operation who may call it', () => {
    expect(where((o) => !o['x-public'] && !o['x-permission'])).toEqual([]);
  });

  it('gives every operation an id of its own and a summary', () => {
    expect(where((o) => !o.summary)).toEqual([]);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  });

  it('types every answer that has a body, with an example', () => {
    const untyped = where((o) =>
      Object.entries(o.responses).some(
        ([code, r]) =>
          /^2/.test(code) &&
          code !== '204' &&
          !Object.values(r.content ?? {}).some((c) => c.schema && c.example !== undefined),
      ),
    );
    expect(untyped).toEqual([]);
  });

  it('offers every list in pages in the v1.0 envelope too', () => {
    const paged = (o: Operation) => 'X-Total-Count' in (o.responses['200']?.headers ?? {});
    expect(where(paged).length).toBeGreaterThan(30);
    expect(where((o) => paged(o) && !o.parameters?.some(({ name }) => name === 'X-API-Version'))).toEqual([]);
  });

  it('documents the errors of every operation', () => {
    expect(where((o) => !Object.keys(o.responses).some((code) => /^4/.test(code)))).toEqual([]);
  });

  it('has no body that a client could only call unknown', () => {
    const vague = Object.entries(
      document.components.schemas as Record<string, { properties?: Record<string, Record<string, unknown>> }>,
    ).flatMap(([name, schema]) =>
      Object.entries(schema.properties ?? {})
        .filter(([, p]) => p.type === 'object' && !p.properties && !p.additionalProperties && !p.$ref)
        .map(([property]) => `${name}.${property}`),
    );
    expect(vague).toEqual([]);
  });

  it('shows no example that its schema refuses', () => {
    const wrong = operations.flatMap(({ at, operation }) =>
      [operation.requestBody ?? {}, ...Object.values(operation.responses)].flatMap(({ content = {} }) =>
        Object.entries(content)
          .filter(([, { example }]) => example !== undefined)
          .map(([type, { schema, example }]) => [at, type, violation(schema as Schema, example)] as const)
          .filter(([, , what]) => what !== undefined),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('types every body that is sent', () => {
    const untyped = (o: Operation) => Object.values(o.requestBody?.content ?? {}).some((c) => !c.schema);
    expect(where(untyped)).toEqual([]);
  });

  it('says of versions where they stand: ETag beside If-Match, X-Config-Version where one may wait for it', () => {
    const takes = (o: Operation, name: string) => o.parameters?.some((p) => p.name === name) ?? false;
    const lacks = (o: Operation, header: string, statuses: RegExp) =>
      Object.entries(o.responses).some(
        ([s, r]) => statuses.test(s) && !Object.hasOwn(r.headers ?? {}, header),
      );
    expect(where((o) => takes(o, 'If-Match') && lacks(o, 'ETag', /^20[01]$/))).toEqual([]);
    expect(where((o) => takes(o, 'wait') && lacks(o, 'X-Config-Version', /^2/))).toEqual([]);
    expect(where((o) => takes(o, 'wait')).length).toBeGreaterThan(10);
  });

  it('offers API keys only where one may be used', () => {
    const takesKeys = (o: Operation) => o.security?.some((one) => 'api_key' in one);
    expect(where((o) => /^profile\./.test(o['x-permission'] ?? '') && !!takesKeys(o))).toEqual([]);
    expect(where((o) => !!takesKeys(o)).length).toBeGreaterThan(100);
  });

  it('says that a path’s number is whole', () => {
    const fractional = (o: Operation) =>
      o.parameters?.some((p) => p.in === 'path' && p.schema?.type === 'number');
    expect(where((o) => !!fractional(o))).toEqual([]);
  });

  it('has an example of every text and an order for every tag', () => {
    const bare = Object.entries(
      document.components.schemas as Record<string, { properties?: Record<string, Record<string, unknown>> }>,
    ).flatMap(([name, schema]) =>
      Object.entries(schema.properties ?? {})
        .filter(([, p]) => p.type === 'string' && !p.enum && p.example === undefined)
        .map(([property]) => `${name}.${property}`),
    );
    expect(bare).toEqual([]);
    const described = new Set(document.tags.map(({ name }: { name: string }) => name));
    expect(where((o) => !o.tags?.every((tag) => described.has(tag)))).toEqual([]);
  });
});
