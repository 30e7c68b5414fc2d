import { parseYamlBody } from './yaml-body.js';

const parse = (text: string | Buffer) =>
  parseYamlBody(Buffer.isBuffer(text) ? text : Buffer.from(text), { maxDepth: 8, maxKeys: 10 });

describe('a YAML body', () => {
  it('says what JSON could say', () => {
    expect(parse('pools:\n  - name: web\n    retries: 2\nroutes: []\n')).toEqual({
      pools: [{ name: 'web', retries: 2 }],
      routes: [],
    });
    expect(parse('on: yes\n"1": 012')).toEqual({ on: 'yes', 1: 12 });
    expect(parse('')).toBeNull();
  });

  it.each([
    ['no YAML', 'a: [1', 'INVALID_YAML'],
    ['aliases', 'a: &x [1]\nb: *x', 'INVALID_YAML'],
    ['a key twice', 'a: 1\na: 2', 'INVALID_YAML'],
    ['two documents', 'a: 1\n---\nb: 1', 'INVALID_YAML'],
    ['much depth', `${'['.repeat(100_000)}`, 'INVALID_YAML'],
    ['some depth', `${'['.repeat(9)}${']'.repeat(9)}`, 'BODY_TOO_DEEP'],
    ['many keys', Array.from({ length: 11 }, (_, i) => `k${i}: 1`).join('\n'), 'BODY_TOO_MANY_KEYS'],
    ['a prototype', '__proto__: {a: 1}', 'VALIDATION_ERROR'],
    ['NUL', 'a: "\\0"', 'VALIDATION_ERROR'],
  ])('with %s is refused', (_what, text, code) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code }));
  });

  it('that is no UTF-8 is refused', () => {
    expect(() => parse(Buffer.from([0xff, 0x3a]))).toThrow(
      expect.objectContaining({ code: 'INVALID_ENCODING' }),
    );
  });
});
