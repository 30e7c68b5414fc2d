import fc from 'fast-check';
import { DURATION } from '../../src/common/durations.js';
import { type Operation, type Parameter, resolve, type Schema } from './document.js';

/** Stands for something of the tenant that runs the case; put in place just before it is sent. */
export const REF = '@existing:';
/** Stands for Stripe's signature of the body as it is sent. */
export const SIGNATURE = '@signature';
/** Stands for the entity tag that what the path names has now. */
export const ETAG = '@etag';
const ref = (kind: string) => fc.constant(`${REF}${kind}`);

/** Who calls: somebody who may, nobody, somebody with a wrong token, a viewer, an API key. */
export type Actor = 'allowed' | 'anonymous' | 'forged' | 'viewer' | 'superadmin';

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'raw'; readonly text: string; readonly type: string };

export interface Case {
  readonly actor: Actor;
  readonly path: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** Strings that have broken servers: control characters, half characters, other people's syntax, length. */
const NASTY = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u200b',
  '\u202eabc',
  "' OR 1=1 --",
  '#{7*7}',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '<script>alert(1)</script>',
  '%s%n',
  'null',
  '-1',
  '1e400',
  '9'.repeat(40),
  'x'.repeat(300),
  'é'.repeat(70),
  '\u{1f600}'.repeat(40),
  '2026-02-30T00:00:00Z',
  '0000-00-00',
  '999999999h',
  '-5s',
];

/** Values that must exist, or must not reach other machines: by the property's name. */
const HINTS: Record<string, fc.Arbitrary<string>> = {
  pool: fc.oneof({ arbitrary: ref('pool'), weight: 9 }, { arbitrary: fc.constant('none-such'), weight: 1 }),
  backup_id: ref('backup'),
  host: fc.oneof(ref('newHost'), ref('newHost'), fc.constant('*.fuzz.example.com')),
  address: fc.oneof(
    fc.integer({ min: 1, max: 65_535 }).map((n) => `192.0.2.${n % 256}:${n}`),
    fc.integer({ min: 1, max: 9 }).map((n) => `127.0.0.1:${n}`),
    fc.constantFrom('[2001:db8::1]:80', 'upstream.invalid:8080', '169.254.169.254:80'),
  ),
  url: fc.oneof(
    { arbitrary: fc.constantFrom('https://hooks.invalid/a', 'https://hooks.invalid/b?c=d'), weight: 4 },
    { arbitrary: fc.constantFrom('https://127.0.0.1:1/', 'http://hooks.invalid/'), weight: 1 },
  ),
  provider_url: fc.constantFrom(
    'https://sso.invalid',
    'https://sso.invalid/realms/a',
    'https://127.0.0.1:1/',
  ),
  email: fc.oneof(ref('email'), ref('newEmail')),
  username: ref('email'),
  password: fc.oneof(ref('password'), fc.constant('another-Long-password-1')),
  current_password: ref('password'),
  refresh_token: ref('refresh'),
  token: ref('enrollmentSecret'),
  tenant_id: ref('tenant'),
  format: fc.constant('veloflux-config/1'),
};

/** Of which each limit takes some: the document has no words for the limits of a duration. */
const DURATIONS = fc.constantFrom('0s', '250ms', '1s', '5s', '30s', '1m', '5m', '1h', '24h', '7d', '365d');

function text(schema: Schema, name: string): fc.Arbitrary<unknown> {
  const max = Math.min(schema.maxLength ?? 60, 200);
  const free = fc.string({ unit: 'binary', minLength: schema.minLength ?? 0, maxLength: max });
  const options: fc.WeightedArbitrary<unknown>[] = [
    { arbitrary: free, weight: 1 },
    { arbitrary: fc.constantFrom(...NASTY), weight: 1 },
  ];
  const hint = HINTS[name];
  if (hint) options.push({ arbitrary: hint, weight: 40 });
  else if (schema.example !== undefined)
    options.push({ arbitrary: fc.constant(schema.example), weight: schema.pattern ? 10 : 40 });
  if (schema.pattern === DURATION.source) options.push({ arbitrary: DURATIONS, weight: 30 });
  // fast-check makes nothing from assertions
  else if (schema.pattern && !/\(\?[=!<]/.test(schema.pattern))
    options.push({ arbitrary: fc.stringMatching(new RegExp(schema.pattern)), weight: hint ? 2 : 30 });
  if (schema.format === 'date-time')
    options.push({ arbitrary: fc.date({ noInvalidDate: true }).map((d) => d.toISOString()), weight: 3 });
  return fc.oneof(...options);
}

function number(schema: Schema, integer: boolean): fc.Arbitrary<unknown> {
  const min = schema.minimum ?? -1000;
  const max = schema.maximum ?? Math.max(100_000, min);
  const [low, high] = [Math.ceil(Math.max(min, -(2 ** 31))), Math.floor(Math.min(max, 2 ** 31 - 1))];
  const whole = low <= high ? fc.integer({ min: low, max: high }) : fc.constant(min);
  const options = [whole, fc.constantFrom(min, max)];
  if (typeof schema.example === 'number') options.push(fc.constant(schema.example));
  if (!integer) options.push(fc.double({ min, max, noNaN: true, noDefaultInfinity: true }));
  return fc.oneof(...options);
}

function object(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (!schema.properties) return dictionary(schema, depth);
  const fields = Object.entries(schema.properties).map(
    ([name, property]): [string, fc.Arbitrary<unknown>] => [name, valuesOf(property, name, depth + 1)],
  );
  const required = schema.required ?? [];
  return fc.oneof(
    fc.record<Record<string, unknown>>(Object.fromEntries(fields), { requiredKeys: required }),
    // only what must be there and one thing more is what people send most
    fc
      .tuple(
        fc.record<Record<string, unknown>>(Object.fromEntries(fields)),
        fc.constantFrom('', ...Object.keys(schema.properties)),
      )
      .map(([all, one]) =>
        Object.fromEntries(Object.entries(all).filter(([name]) => required.includes(name) || name === one)),
      ),
  );
}

/** Values that the schema allows. */
export function valuesOf(given: Schema, name = '', depth = 0): fc.Arbitrary<unknown> {
  const schema = resolve(given);
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice) return fc.oneof(...choice.map((s) => valuesOf(s, name, depth)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const types = [schema.type ?? 'string'].flat();
  return fc.oneof(...types.map((type) => ofType({ ...schema, type }, type, name, depth)));
}

function ofType(schema: Schema, type: string, name: string, depth: number): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number':
      return number(schema, type === 'integer');
    case 'array': {
      const size = { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 4, 4) };
      const items = itemsOf(schema, name, depth);
      return schema.uniqueItems
        ? fc.uniqueArray(items, { ...size, comparator: (a, b) => JSON.stringify(a) === JSON.stringify(b) })
        : fc.array(items, size);
    }
    case 'object':
      return object(schema, depth);
    default:
      return text(schema, name);
  }
}

/** The example of a list shows what its items look like, which their schema often does not. */
function itemsOf({ items, example }: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
  const any = items ? valuesOf(items, name, depth + 1) : fc.jsonValue({ maxDepth: 2 });
  if (!Array.isArray(example) || example.length === 0) return any;
  return fc.oneof({ arbitrary: fc.constantFrom(...example), weight: 6 }, { arbitrary: any, weight: 1 });
}

/** Objects whose keys are the caller's own. */
function dictionary({ additionalProperties, example }: Schema, depth: number): fc.Arbitrary<unknown> {
  const any = fc.dictionary(
    fc.oneof(fc.constantFrom('model', 'x-a', 'role'), fc.string({ maxLength: 12 })),
    typeof additionalProperties === 'object'
      ? valuesOf(additionalProperties, '', depth + 1)
      : fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 4 },
  );
  return example === undefined ? any : fc.oneof(fc.constant(example), any);
}

type Where = readonly (string | number)[];

function places(value: unknown, at: Where = []): Where[] {
  if (typeof value !== 'object' || value === null) return [at];
  const below = Array.isArray(value)
    ? value.flatMap((v, i) => places(v, [...at, i]))
    : Object.entries(value).flatMap(([key, v]) => places(v, [...at, key]));
  return [at, ...below];
}

function withChange(value: unknown, at: Where, change: (old: unknown) => unknown): unknown {
  const [key, ...rest] = at;
  if (key === undefined) return change(value);
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<
    string | number,
    unknown
  >;
  const changed = withChange(copy[key], rest, change);
  if (changed === undefined) delete copy[key];
  else copy[key] = changed;
  return copy;
}

const CHANGES: fc.Arbitrary<(old: unknown) => unknown> = fc.oneof(
  fc
    .oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        0,
        -1,
        1.5,
        1e21,
        2 ** 53,
        1e308,
        '',
        'x',
        '1',
        [],
        {},
        [[]],
        [null],
      ),
      fc.constantFrom(...NASTY),
      fc.jsonValue({ maxDepth: 2 }),
    )
    .map((value) => () => value),
  fc.constant((): unknown => undefined),
  fc
    .constantFrom('surprise', '__proto__x', 'tenant_id', 'id', 'version', 'role')
    .map(
      (key) => (old: unknown) =>
        typeof old === 'object' && old !== null && !Array.isArray(old) ? { ...old, [key]: 'x' } : [old],
    ),
  fc.constant((old: unknown) => (Array.isArray(old) ? [...old, ...old] : [old, old])),
  fc.constant((old: unknown) => (typeof old === 'string' ? old + old : JSON.stringify(old))),
);

/** The value with one or two changes somewhere in it: most break the schema, some do not. */
const mutated = (values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc
    .tuple(values, fc.array(fc.tuple(fc.nat(), CHANGES), { minLength: 1, maxLength: 2 }))
    .map(([value, changes]) =>
      changes.reduce<unknown>((now, [at, change]) => {
        const all = places(now);
        return withChange(now, all[at % all.length]!, change) ?? null;
      }, value),
    );

const RAW: fc.Arbitrary<Body> = fc.constantFrom<Body>(
  { kind: 'raw', text: '{"a":', type: 'application/json' },
  { kind: 'raw', text: '', type: 'application/json' },
  { kind: 'raw', text: '{"a":1}', type: 'text/plain' },
  { kind: 'raw', text: '{"a":1e999}', type: 'application/json' },
  { kind: 'raw', text: '{"__proto__":{"a":1}}', type: 'application/json' },
  { kind: 'raw', text: '[1,2', type: 'application/json; charset=utf-16' },
  { kind: 'raw', text: 'a=1&b=2', type: 'application/x-www-form-urlencoded' },
  { kind: 'raw', text: `${'['.repeat(100)}${']'.repeat(100)}`, type: 'application/json' },
  { kind: 'raw', text: '\u001f\u008b', type: 'application/gzip' },
);

/** Bodies of which the document says that they are somebody else's. */
const BODIES: Record<string, fc.Arbitrary<unknown>> = {
  Webhooks_receive: fc.record(
    {
      id: fc.stringMatching(/^evt_[a-z0-9]{1,8}$/),
      object: fc.constant('event'),
      type: fc.constantFrom(
        'invoice.paid',
        'invoice.payment_failed',
        'customer.subscription.updated',
        'customer.subscription.deleted',
        'checkout.session.completed',
        'something.new',
      ),
      created: fc.integer({ min: 0, max: 2 ** 31 }),
      data: fc.record({ object: fc.jsonValue({ maxDepth: 3 }) }),
    },
    { requiredKeys: ['id', 'type'] },
  ),
};

function bodyOf(operation: Operation): fc.Arbitrary<Body> {
  const none = fc.constant<Body>({ kind: 'none' });
  const schema = operation.body?.['application/json']?.schema;
  if (!operation.body) return fc.oneof({ arbitrary: none, weight: 19 }, { arbitrary: RAW, weight: 1 });
  const values = BODIES[operation.id] ?? (schema ? valuesOf(schema) : fc.jsonValue());
  const json = (value: unknown): Body => ({ kind: 'json', value });
  return fc.oneof(
    { arbitrary: values.map(json), weight: 12 },
    { arbitrary: mutated(values).map(json), weight: 6 },
    { arbitrary: RAW, weight: 1 },
    { arbitrary: none, weight: 1 },
  );
}

/** Path parameters name what is there, what could be there, and what never could. */
const pathValue = (name: string): fc.Arbitrary<string> =>
  fc.oneof(
    { arbitrary: ref(`path:${name}`), weight: 12 },
    { arbitrary: ref(`unknown:${name}`), weight: 3 },
    {
      arbitrary: fc
        .constantFrom(...NASTY, '0', '1', '%ff', 'a/b')
        .filter((s) => s !== '' && !/^[\ud800]$/.test(s)),
      weight: 2,
    },
    { arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), weight: 1 },
  );

const HEADER_VALUES: Record<string, fc.Arbitrary<string>> = {
  'If-Match': fc.oneof(
    { arbitrary: fc.constantFrom('*', ETAG), weight: 3 },
    { arbitrary: fc.constantFrom('"1"', 'W/"1"', 'nonsense', '"999999999999999999999"', '""'), weight: 1 },
  ),
  'X-API-Version': fc.constantFrom('1.0', '1.1', '2', 'x'),
  'Cache-Control': fc.constantFrom('no-cache', 'max-age=0', 'x'),
  'Idempotency-Key': fc.oneof(
    fc.stringMatching(/^[a-z0-9-]{1,40}$/),
    fc.constantFrom('x'.repeat(300), ' ', '\u00e9', '"'),
  ),
  'Stripe-Signature': fc.oneof(
    { arbitrary: fc.constant(SIGNATURE), weight: 4 },
    { arbitrary: fc.constantFrom('', 't=1,v1=00', 't=,v1=', 'x'.repeat(2000)), weight: 1 },
  ),
};

function queryValue(parameter: Parameter): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: parameter.name === 'against' ? ref('configVersion') : fc.constant('1'), weight: 2 },
    { arbitrary: valuesOf(parameter.schema, parameter.name).map(String), weight: 6 },
    { arbitrary: fc.constantFrom(...NASTY, '0x10', '1e2', 'true', '[]', '5m', '24h'), weight: 1 },
    { arbitrary: fc.string({ unit: 'binary', maxLength: 30 }), weight: 1 },
  );
}

const entries = (
  parameters: readonly Parameter[],
  value: (p: Parameter) => fc.Arbitrary<string>,
): fc.Arbitrary<[string, string][]> =>
  fc
    .tuple(
      ...parameters.map((p) =>
        fc.option(
          value(p).map((v): [string, string] => [p.name, v]),
          { freq: 2 },
        ),
      ),
    )
    .map((list) => list.filter((entry) => entry !== null));

function queryOf(operation: Operation): fc.Arbitrary<[string, string][]> {
  const known = operation.parameters.filter((p) => p.in === 'query');
  if (known.length === 0) return fc.constant([]);
  const extra = fc.constantFrom<[string, string][]>([], [], [], [], [], [], [], [], [['surprise', '1']]);
  const twice = fc.nat({ max: 11 }).map((n) => n === 0);
  return fc
    .tuple(entries(known, queryValue), extra, twice)
    .map(([list, more, repeat]) => [...list, ...more, ...(repeat ? list.slice(0, 1) : [])]);
}

/** Requests of an operation, good and bad. */
export function casesOf(operation: Operation): fc.Arbitrary<Case> {
  const names = operation.parameters.filter((p) => p.in === 'path').map((p) => p.name);
  const headers = operation.parameters.filter((p) => p.in === 'header');
  return fc.record({
    actor: fc.oneof(
      { arbitrary: fc.constant<Actor>('allowed'), weight: 17 },
      { arbitrary: fc.constantFrom<Actor>('anonymous', 'forged', 'viewer', 'superadmin'), weight: 3 },
    ),
    path: fc.record(Object.fromEntries(names.map((name) => [name, pathValue(name)]))),
    query: queryOf(operation),
    headers: entries(headers, (p) => HEADER_VALUES[p.name] ?? fc.string({ maxLength: 20 })).map((list) =>
      Object.fromEntries(list),
    ),
    body: bodyOf(operation),
  });
}
