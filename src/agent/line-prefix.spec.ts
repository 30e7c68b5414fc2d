import { text } from 'node:stream/consumers';
import { LinePrefix } from './line-prefix.js';

async function prefixed(...chunks: (string | Buffer)[]): Promise<string> {
  const stream = new LinePrefix('> ');
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return text(stream);
}

describe('LinePrefix', () => {
  it('puts the prefix before each line, however the text is cut', async () => {
    expect(await prefixed('one\ntw', 'o\n', '\nthree\n')).toBe('> one\n> two\n> \n> three\n');
  });

  it('passes on a last line without an end', async () => {
    expect(await prefixed('one\ntwo')).toBe('> one\n> two\n');
  });

  it('keeps a character whose bytes come in two chunks', async () => {
    const bytes = Buffer.from('é\n');
    expect(await prefixed(bytes.subarray(0, 1), bytes.subarray(1))).toBe('> é\n');
  });

  it('passes a line without end on before it fills memory', async () => {
    const stream = new LinePrefix('> ');
    stream.write('x'.repeat(20_000));
    expect(String(stream.read())).toBe(`> ${'x'.repeat(20_000)}\n`);
  });
});
