import { coversHost, requireServed, servedNames } from './served-names.js';

describe('names that a certificate is served for', () => {
  it.each<[string, string[], string[], string[]]>([
    ['a host of a route', ['a.test'], ['a.test', 'b.test'], ['a.test']],
    ['no host without a route', ['a.test'], ['b.test'], []],
    ['a host below a route’s wildcard, however deep', ['x.y.a.test'], ['*.a.test'], ['x.y.a.test']],
    ['a wildcard where a route has it', ['*.a.test'], ['*.a.test'], ['*.a.test']],
    ['a wildcard below a route’s', ['*.b.a.test'], ['*.a.test'], ['*.b.a.test']],
    ['only single hosts where no route is a wildcard', ['*.a.test'], ['x.a.test', 'a.test'], ['x.a.test']],
    ['not what is two labels below', ['*.a.test'], ['x.y.a.test'], []],
    ['not what lies beside', ['*.a.test'], ['xa.test', 'a.test.b.test', '*.b.test'], []],
    ['a name once', ['x.a.test', '*.a.test'], ['x.a.test'], ['x.a.test']],
  ])('%s', (_what, hosts, routes, served) => expect(servedNames(hosts, routes)).toEqual(served));

  it('are refused when asked for without a route, by name', () => {
    expect(() => requireServed(['a.test', 'b.test'], ['b.test', '*.test'])).not.toThrow();
    expect(() => requireServed(['a.test', 'b.test'], ['a.test'])).toThrow("no route has 'b.test'");
  });

  it('a certificate’s wildcard stands for one label', () => {
    const covers = (host: string) => coversHost(['a.test', '*.a.test'], host);
    expect(['a.test', 'x.a.test', '*.a.test', 'x.y.a.test', 'b.test'].map(covers)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
