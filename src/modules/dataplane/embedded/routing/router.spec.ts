import type { MatchCondition, RouteConfig } from '../../snapshot.js';
import { HostRoutes } from './host-routes.js';
import type { Route } from './route.js';
import { Router } from './router.js';

const route = (id: string, pathPrefix: string, match: MatchCondition[] = []): Route =>
  ({ config: { id, pathPrefix } as RouteConfig, conditions: match }) as unknown as Route;

const hostRoutes = (...routes: Route[]): HostRoutes => {
  const of = new HostRoutes('t1');
  for (const each of routes) of.add(each);
  return of;
};

const NOTHING = { rawHeaders: [], query: '' };
const idOf = (found: Route | null): string | null => found?.config.id ?? null;

describe('the routes of a host', () => {
  it.each([
    ['/', 'root'],
    ['/v1', 'v1'],
    ['/v1/', 'v1'],
    ['/v1/x/y/z', 'v1'],
    ['/v10', 'root'],
    ['/v1/users', 'users'],
    ['/v1/users/7', 'users'],
    ['/v1/users7', 'v1'],
    ['//v1', 'root'],
    ['/V1', 'root'],
  ])('%s goes to %s: the longest prefix on segment borders', (path, id) => {
    const routes = hostRoutes(route('root', '/'), route('users', '/v1/users/'), route('v1', '/v1'));
    expect(idOf(routes.find(path, NOTHING))).toBe(id);
  });

  it('without a route for the root, other paths have none', () => {
    expect(hostRoutes(route('v1', '/v1')).find('/v2', NOTHING)).toBeNull();
  });

  it('conditions that fail fall back to fewer conditions, then to a shorter prefix', () => {
    const condition: MatchCondition = { in: 'header', name: 'X-A', equals: '1' };
    const routes = hostRoutes(route('root', '/'), route('v1', '/v1', [condition]));
    expect(idOf(routes.find('/v1', { rawHeaders: ['x-a', '1'], query: '' }))).toBe('v1');
    expect(idOf(routes.find('/v1', { rawHeaders: ['x-a', '2'], query: '' }))).toBe('root');
  });
});

describe('the router', () => {
  const router = new Router();
  router.set('example.com', hostRoutes(route('apex', '/')));
  router.set('*.example.com', hostRoutes(route('any', '/')));
  router.set('*.eu.example.com', hostRoutes(route('eu', '/')));
  router.set('api.example.com', hostRoutes(route('api', '/v1')));

  it.each([
    ['example.com', 'apex'],
    ['www.example.com', 'any'],
    ['a.b.example.com', 'any'],
    ['www.eu.example.com', 'eu'],
    ['eu.example.com', 'any'],
    ['api.example.com', 'api'],
    ['notexample.com', null],
    ['com', null],
  ])('%s goes to %s: exact, then the most specific wildcard', (host, id) => {
    expect(idOf(router.find(host, '/v1', NOTHING))).toBe(id);
  });

  it('an exact host never falls through to a wildcard', () => {
    expect(router.find('api.example.com', '/other', NOTHING)).toBeNull();
  });

  it('forgets what is removed', () => {
    router.set('gone.example.org', hostRoutes(route('gone', '/')));
    router.remove('gone.example.org');
    expect(router.find('gone.example.org', '/', NOTHING)).toBeNull();
    expect(router.ownerOf('gone.example.org')).toBeNull();
    expect(router.ownerOf('*.example.com')).toBe('t1');
  });
});
