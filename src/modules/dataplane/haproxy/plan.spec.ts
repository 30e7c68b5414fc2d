import { CertificateAuthority } from '../../../../test/support/certificates.js';
import { backendOf, poolOf, QUICK_CHECK, routeOf, sliceOf, snapshotOf } from '../contract/support.js';
import type { RouteFeatures, TenantSlice } from '../snapshot.js';
import type { Rendered } from './model.js';
import { type Plan, plan } from './plan.js';
import { render } from './render.js';
import type { RenderOptions } from './render-base.js';

const OPTIONS: RenderOptions = {
  host: '127.0.0.1',
  httpPort: 8088,
  httpsPort: 8443,
  publicHttpsPort: 8443,
  defaultCertificate: null,
  statsSocket: '/s',
  logAddress: '127.0.0.1:1',
  logKey: 'key',
  user: null,
  stateFile: '/state',
  maxConnections: 100,
  openFilesLimit: 20_000,
  threads: null,
  cookieKey: 'k',
  hardStopAfterSeconds: 60,
};

const rendered = (slice: TenantSlice, options: Partial<RenderOptions> = {}): Rendered =>
  render(snapshotOf(1, slice), { ...OPTIONS, ...options });

function planFrom(before: Rendered, after: Rendered, deleting: string[] = []): Plan {
  return plan({ loaded: before, current: before, deleting: new Set(deleting) }, after);
}

function commandsOf(step: Plan): string[] {
  if (step.kind === 'reload') throw new Error(`a reload: ${step.reasons.join()}`);
  return step.phases.flat().map(({ line }) => line);
}

function reasonsOf(step: Plan): string {
  return step.kind === 'reload' ? step.reasons.join() : '';
}

const one = poolOf([backendOf(9001)], { algorithm: 'weighted_round_robin' });
const two = poolOf([backendOf(9001), backendOf(9002, { weight: 50 })], { algorithm: 'weighted_round_robin' });
const withFeatures = (features: RouteFeatures) => rendered(sliceOf([one], [routeOf({}, features)]));

describe('the planner', () => {
  it('nothing to do is no command', () => {
    const before = rendered(sliceOf([two], [routeOf()]));
    expect(planFrom(before, rendered(sliceOf([two], [routeOf()])))).toEqual({
      kind: 'runtime',
      phases: [],
      removed: [],
    });
  });

  it('a new server is added, checked, then enabled', () => {
    const checked = poolOf([
      backendOf(9001, { healthCheck: QUICK_CHECK }),
      backendOf(9002, { healthCheck: QUICK_CHECK }),
    ]);
    const before = rendered(sliceOf([poolOf([checked.backends[0]])], []));
    expect(commandsOf(planFrom(before, rendered(sliceOf([checked], []))))).toEqual([
      'add map checks.map backend_9002 127.0.0.1:9002|/health',
      expect.stringMatching(
        /^add server pool_a\/backend_9002 127\.0\.0\.1:9002 weight 1 id \d+ check inter 100 rise 1 fall 2 observe layer4 error-limit 3 on-error mark-down$/,
      ),
      'enable health pool_a/backend_9002',
      'enable server pool_a/backend_9002',
    ]);
  });

  it('a new server of a sticky pool gets its cookie', () => {
    const sticky = (count: number) =>
      rendered(sliceOf([poolOf(two.backends.slice(0, count), { stickySessions: true })], []));
    const commands = commandsOf(planFrom(sticky(1), sticky(2)));
    expect(commands[1]).toMatch(/^set dynamic-cookie-key backend pool_a [0-9a-f]{32}$/);
  });

  it('a new server that is disabled is not enabled', () => {
    const after = poolOf([backendOf(9001), backendOf(9002, { adminState: 'disabled' })], {
      algorithm: 'weighted_round_robin',
    });
    const commands = commandsOf(planFrom(rendered(sliceOf([one], [])), rendered(sliceOf([after], []))));
    expect(commands).toEqual([expect.stringMatching(/^add server /)]);
  });

  it('a removed server goes into maintenance and is to be deleted', () => {
    const step = planFrom(rendered(sliceOf([two], [])), rendered(sliceOf([one], [])));
    expect(step).toMatchObject({ removed: [{ section: 'pool_a', server: 'backend_9002' }] });
    expect(commandsOf(step)).toEqual(['set server pool_a/backend_9002 state maint']);
  });

  it('address, weight and state are set one by one', () => {
    const after = poolOf(
      [backendOf(9001), backendOf(9003, { id: 'backend_9002', weight: 70, adminState: 'disabled' })],
      {
        algorithm: 'weighted_round_robin',
      },
    );
    expect(commandsOf(planFrom(rendered(sliceOf([two], [])), rendered(sliceOf([after], []))))).toEqual([
      'set server pool_a/backend_9002 addr 127.0.0.1 port 9003',
      'set server pool_a/backend_9002 weight 70',
      'set server pool_a/backend_9002 state maint',
    ]);
  });

  it('routes lead to servers only when those are there, and servers go after their routes', () => {
    const before = rendered(sliceOf([one, poolOf([backendOf(9005)], { id: 'pool_b' })], [routeOf()]));
    const after = rendered(
      sliceOf(
        [
          poolOf([backendOf(9001)], { ...one, backends: [] }),
          poolOf([backendOf(9005), backendOf(9006)], { id: 'pool_b' }),
        ],
        [routeOf({ targets: [{ poolId: 'pool_b', weight: 100 }] })],
      ),
    );
    const verbs = commandsOf(planFrom(before, after)).map((line) => line.split(' ').slice(0, 3).join(' '));
    expect(verbs).toEqual([
      'add server pool_b/backend_9006',
      'enable server pool_b/backend_9006',
      'set map records.map',
      'set server pool_a/backend_9001',
    ]);
  });

  it('words of tenants cannot end a command or begin another', () => {
    const path = '/a;b\\c "d<<'.replaceAll(' ', '');
    const after = rendered(sliceOf([one], [routeOf({ pathPrefix: path })]));
    const commands = commandsOf(planFrom(rendered(sliceOf([one], [])), after));
    expect(commands).toContain('add map routes.map a.test/a\\;b\\\\c\\"d\\<\\</ route_a');
  });

  it.each<[string, Rendered, string]>([
    [
      'a new pool',
      rendered(sliceOf([one, poolOf([backendOf(9009)], { id: 'pool_b' })], [])),
      'pool_b is new',
    ],
    ['another algorithm', rendered(sliceOf([poolOf([backendOf(9001)])], [])), ''],
    ['a timeout', rendered(sliceOf([{ ...one, responseTimeoutMs: 5 }], [])), 'pool_a changes'],
    [
      'a health check',
      rendered(sliceOf([{ ...one, backends: [backendOf(9001, { healthCheck: QUICK_CHECK })] }], [])),
      'pool_a changes',
    ],
    ['the frontend', rendered(sliceOf([one], []), { httpPort: 8089 }), 'the frontend changes'],
  ])('%s takes a reload', (_what, after, reason) => {
    const step = planFrom(rendered(sliceOf([{ ...one, algorithm: 'random' }], [])), after);
    expect(step.kind).toBe('reload');
    expect(reasonsOf(step)).toContain(reason);
  });

  it('another interval of a health check takes a reload', () => {
    const pool = (intervalMs: number) =>
      rendered(sliceOf([poolOf([backendOf(9001, { healthCheck: { ...QUICK_CHECK, intervalMs } })])], []));
    expect(reasonsOf(planFrom(pool(100), pool(200)))).toContain('its health check changes');
  });

  it('a server whose deletion is not finished cannot be added again', () => {
    const step = planFrom(rendered(sliceOf([one], [])), rendered(sliceOf([two], [])), [
      'pool_a/backend_9002',
    ]);
    expect(reasonsOf(step)).toContain('still being deleted');
  });

  it('rules: new, changed or gone from a route that stays take a reload, those of a deleted route do not', () => {
    const plain = withFeatures({});
    const limited = withFeatures({ rateLimit: { requestsPerSecond: 1, burst: 1 } });
    const other = withFeatures({ rateLimit: { requestsPerSecond: 2, burst: 1 } });
    expect(planFrom(plain, limited).kind).toBe('reload');
    expect(planFrom(limited, other).kind).toBe('reload');
    expect(planFrom(limited, plain).kind).toBe('reload');
    expect(planFrom(limited, rendered(sliceOf([one], []))).kind).toBe('runtime');
  });

  it('conditions: new, changed or gone from a route that stays take a reload, those of a deleted route do not', () => {
    const match = (name: string): RouteFeatures => ({ match: [{ in: 'header', name }] });
    expect(planFrom(withFeatures({}), withFeatures(match('x-a'))).kind).toBe('reload');
    expect(planFrom(withFeatures(match('x-a')), withFeatures(match('x-b'))).kind).toBe('reload');
    expect(planFrom(withFeatures(match('x-a')), withFeatures({})).kind).toBe('reload');
    expect(planFrom(withFeatures(match('x-a')), rendered(sliceOf([one], []))).kind).toBe('runtime');
  });

  it('lists change entry by entry and are emptied with their route', () => {
    const deny = (...ipDeny: string[]) => withFeatures({ ipDeny });
    expect(commandsOf(planFrom(deny('10.0.0.0/8'), deny('11.0.0.0/8')))).toEqual([
      'add acl lists/route_a.deny 11.0.0.0/8',
      'del acl lists/route_a.deny 10.0.0.0/8',
    ]);
    const end = commandsOf(planFrom(deny('10.0.0.0/8'), rendered(sliceOf([one], []))));
    expect(end.at(-1)).toBe('clear acl lists/route_a.deny');
  });

  it('a value that fits no command takes a reload', () => {
    const header = (value: string) => withFeatures({ requestHeaders: { set: { 'x-a': value } } });
    expect(planFrom(header('a'), header('b'.repeat(7000))).kind).toBe('runtime');
    const prefix = (length: number) =>
      rendered(sliceOf([one], [routeOf({ pathPrefix: `/${'"'.repeat(length)}` })]));
    expect(reasonsOf(planFrom(prefix(1), prefix(7000)))).toContain('too long');
  });

  it('very many changes take a reload', () => {
    const many = (weight: number) =>
      rendered(
        sliceOf(
          Array.from({ length: 60 }, (_, pool) =>
            poolOf(
              Array.from({ length: 100 }, (__, i) =>
                backendOf(1000 + i, { id: `backend_${pool}_${i}`, weight }),
              ),
              { id: `pool_${pool}`, algorithm: 'weighted_round_robin' },
            ),
          ),
          [],
        ),
      );
    expect(reasonsOf(planFrom(many(1), many(2)))).toContain('changes at once');
  });

  it('certificates are added, replaced where they are, and removed', async () => {
    const ca = await CertificateAuthority.create();
    const pairs = await Promise.all([ca.issue(['one.test']), ca.issue(['two.test'])]);
    const certificates = (...contents: [id: string, host: string, pair: number][]) =>
      rendered({
        ...sliceOf([one], []),
        certificates: contents.map(([id, host, pair]) => {
          const { chain, privateKey } = pairs[pair]!;
          return { id, hosts: [host], chain, privateKey };
        }),
      });
    const fileOf = ({ tenants }: Rendered, host: string) =>
      [...tenants.get('tenant_a')!.certificates.values()].find(({ hosts }) => hosts.includes(host))!.file;
    const [before, after] = [
      certificates(['cert_a', 'a.test', 0], ['cert_b', 'b.test', 0], ['cert_c', 'c.test', 0]),
      certificates(['cert_a', 'a.test', 1], ['cert_b', 'd.test', 0], ['cert_c', 'c.test', 0]),
    ];
    const [a, b, d] = [fileOf(before, 'a.test'), fileOf(before, 'b.test'), fileOf(after, 'd.test')];
    expect(commandsOf(planFrom(before, after))).toEqual([
      `set ssl cert ${a}`,
      `commit ssl cert ${a}`,
      `new ssl cert ${d}`,
      `set ssl cert ${d}`,
      `commit ssl cert ${d}`,
      'add ssl crt-list certificates.list',
      `del ssl crt-list certificates.list ${b}`,
      `del ssl cert ${b}`,
    ]);
  });

  it('a tenant that did not change is not looked at', () => {
    const before = rendered(sliceOf([two], [routeOf()]));
    const untouchable = new Proxy(before.tenants.get('tenant_a')!, {
      get: (_target, key) => {
        throw new Error(`looked at ${String(key)}`);
      },
    });
    const same = { ...before, tenants: new Map([['tenant_a', untouchable]]) };
    expect(plan({ loaded: same, current: same, deleting: new Set() }, same).kind).toBe('runtime');
  });
});
