import { banner } from './banner.js';

const ports = { api: [8080, 9090], admin: 9000, proxy: 8088, proxyTls: 8443 };
const loadBalancer = (some: Partial<typeof ports> | { proxy: null } | { proxyTls: null }) =>
  /Load balancer {2}(.*)/.exec(
    banner({ listenHost: '127.0.0.1', production: false }, { ...ports, ...some }),
  )?.[1];

describe('the banner at start', () => {
  it('names the doors of the load balancer that are open, and no other', () => {
    expect(loadBalancer({})).toBe('http://127.0.0.1:8088  https://127.0.0.1:8443');
    expect(loadBalancer({ proxyTls: null })).toBe('http://127.0.0.1:8088');
    expect(loadBalancer({ proxy: null })).toBe('https://127.0.0.1:8443');
    expect(
      banner({ listenHost: '127.0.0.1', production: true }, { ...ports, proxy: null, proxyTls: null }),
    ).toContain('Load balancer  does not listen');
  });

  it('tells the first login outside production only', () => {
    const told = [false, true].map((production) =>
      banner({ listenHost: '0.0.0.0', production }, ports).includes('admin / admin123'),
    );
    expect(told).toEqual([true, false]);
  });
});
