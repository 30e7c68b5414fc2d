import { PRODUCT_VERSION } from './common/version.js';
import type { Environment } from './platform/config/environment.js';
import type { Ports } from './server.js';

/** What the program says when it is up: where to find what, and what to try first. */
export function banner(environment: Pick<Environment, 'listenHost' | 'production'>, ports: Ports): string {
  const host = environment.listenHost === '0.0.0.0' ? 'localhost' : environment.listenHost;
  const api = `http://${host}:${ports.api[0]}`;
  const doors = [
    ports.proxy && `http://${host}:${ports.proxy}`,
    ports.proxyTls && `https://${host}:${ports.proxyTls}`,
  ];
  const login = environment.production
    ? ''
    : `\n  Login          admin / admin123   (outside production only)`;
  return `
  VeloFlux ${PRODUCT_VERSION} is up

  API            ${ports.api.map((p) => `http://${host}:${p}`).join('  ')}
  API docs       ${api}/api/docs
  Load balancer  ${doors.filter(Boolean).join('  ') || 'does not listen'}
  Admin          http://${host}:${ports.admin}/admin/health
  Metrics        ${api}/metrics${login}

  Try next:
    curl -s ${api}/api/auth/login -H 'content-type: application/json' \\
      -d '{"username":"admin","password":"admin123"}'
  README.md shows a whole first session. Ctrl+C stops everything.

`;
}
