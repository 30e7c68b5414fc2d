import { hostName, resolveDotSegments } from './request-head.js';

describe('the host of a request', () => {
  it.each([
    ['Example.COM', 'example.com'],
    ['example.com:8080', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com.:80', 'example.com'],
    ['a_b.example.com', 'a_b.example.com'],
    ['127.0.0.1:1', '127.0.0.1'],
    ['[::1]:80', '[::1]'],
    ['example.com:', 'example.com'],
    ['', null],
    ['a b', null],
    ['a..b', null],
    ['a/b', null],
    ['a@b', null],
    ['a:b:c', null],
    ['a:123456', null],
    ['a,b', null],
    ['ex\u00e4mple.com', null],
    ['a'.repeat(300), null],
  ])('%j is %j', (field, host) => {
    expect(hostName(field)).toBe(host);
  });
});

describe('dot segments', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/./b', '/a/b'],
    ['/../../b', '/b'],
    ['/a/..', '/'],
    ['/a/b/.', '/a/b/'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/a/..b/.c/...', '/a/..b/.c/...'],
    ['/a//../b', '/a/b'],
    ['/%252e%252e/b', '/%252e%252e/b'],
  ])('%s is %s', (path, resolved) => {
    expect(resolveDotSegments(path)).toBe(resolved);
  });
});
