import { claimGroup, coveringWildcards, normaliseHost, normalisePath } from './host.js';

describe('normaliseHost', () => {
  it.each([
    ['API.Example.com', 'api.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*.Example.com', '*.example.com'],
    ['*.müller.example', '*.xn--mller-kva.example'],
    ['localhost', 'localhost'],
  ])('%s is %s', (text, host) => {
    expect(normaliseHost(text)).toBe(host);
  });

  it.each([
    '',
    'bad host',
    '*',
    '*.com',
    '*.',
    'a.*.example.com',
    '*example.com',
    'example.com:80',
    'example.com/x',
    'exam%70le.com',
    'user@example.com',
    '-a.example.com',
    'a..example.com',
    'example.com.',
    '192.0.2.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '::1',
    `${'a'.repeat(64)}.com`,
    `${'a.'.repeat(130)}com`,
    'a\r\nb.com',
  ])('refuses %p', (text) => {
    expect(normaliseHost(text)).toBeNull();
  });
});

describe('coveringWildcards', () => {
  it('names every wildcard that a request for the host would meet', () => {
    expect(coveringWildcards('a.b.example.com')).toEqual(['*.b.example.com', '*.example.com']);
    expect(coveringWildcards('*.example.com')).toEqual(['*.example.com']);
    expect(coveringWildcards('example.com')).toEqual([]);
    expect(coveringWildcards('localhost')).toEqual([]);
  });

  it('shares a claim group with the host', () => {
    for (const host of ['a.b.example.com', '*.example.com', 'example.com'])
      expect(claimGroup(host)).toBe('example.com');
  });
});

describe('normalisePath', () => {
  it.each([
    ['/', '/'],
    ['/api', '/api'],
    ['/api/', '/api'],
    ['/a/b-c_d.e~f', '/a/b-c_d.e~f'],
    ['/caf%C3%A9', '/caf%C3%A9'],
    ['/.well-known', '/.well-known'],
    ['/...', '/...'],
  ])('%s is %s', (text, path) => {
    expect(normalisePath(text)).toBe(path);
  });

  it.each([
    '',
    'api',
    '//',
    '//api',
    '/a//b',
    '/../etc',
    '/a/..',
    '/a/./b',
    '/a/%2e%2E/b',
    '/a?b',
    '/a#b',
    '/a b',
    '/a\\b',
    '/é',
    '/%zz',
    '/%',
    `/${'a'.repeat(1025)}`,
  ])('refuses %p', (text) => {
    expect(normalisePath(text)).toBeNull();
  });
});
