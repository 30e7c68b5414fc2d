import { parseJsonBody } from './json-body.js';

const parse = (text: string | Buffer) => parseJsonBody(Buffer.isBuffer(text) ? text : Buffer.from(text));
const refusal = (text: string | Buffer) => {
  try {
    parse(text);
  } catch (e) {
    const { status, code, details } = e as { status: number; code: string; details: { field: string }[] };
    return { status, code, field: details[0]?.field };
  }
  return null;
};

describe('a JSON body', () => {
  it('is parsed as sent, strings with colons, braces and escapes included', () => {
    const value = { a: '{"x": [1, 2]}', b: ['\\"', 'é😀'], c: null };
    expect(parse(JSON.stringify(value))).toEqual(value);
    expect(parse('')).toBeUndefined();
  });

  it('is refused when it is no JSON or no UTF-8', () => {
    expect(refusal('{"username": ')).toMatchObject({ status: 400, code: 'INVALID_JSON' });
    expect(refusal(Buffer.from([0x22, 0xff, 0xfe, 0x22]))).toMatchObject({
      status: 400,
      code: 'INVALID_ENCODING',
    });
  });

  it('is refused when it is nested too deep or has too many keys, before it is parsed', () => {
    expect(refusal('['.repeat(4000) + ']'.repeat(4000))).toMatchObject({
      status: 400,
      code: 'BODY_TOO_DEEP',
    });
    const keys = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, i]));
    expect(refusal(JSON.stringify(keys))).toMatchObject({ status: 400, code: 'BODY_TOO_MANY_KEYS' });
  });

  it('names the field that has a NUL or a lone surrogate', () => {
    expect(refusal('{"user": {"email": "a\\u0000b"}}')).toMatchObject({ status: 422, field: 'user.email' });
    expect(refusal('{"names": ["ok", "\\ud800"]}')).toMatchObject({ status: 422, field: 'names.1' });
  });

  it('never carries keys that reach for a prototype', () => {
    expect(refusal('{"__proto__": {"admin": true}}')).toMatchObject({ status: 422, field: '__proto__' });
  });
});
