import { hostsRefused } from './certificates.errors.js';

/**
 * Names (SNI) that a certificate is served for: those of its hosts that the tenant's routes serve. A wildcard of a
 * certificate stands for one label (RFC 6125 §6.4.3), one of a route for one or more; where no route is a wildcard, the
 * hosts below the certificate's are named one by one, so that nobody speaks for a host that is another tenant's.
 */
export function servedNames(certificateHosts: readonly string[], routeHosts: readonly string[]): string[] {
  const exact = routeHosts.filter((host) => !host.startsWith('*.'));
  const covered = (name: string): boolean =>
    routeHosts.some((host) => host.startsWith('*.') && name.endsWith(host.slice(1)));
  const served = new Set<string>();
  for (const host of certificateHosts) {
    if (!host.startsWith('*.')) {
      if (exact.includes(host) || covered(host)) served.add(host);
    } else if (covered(host)) served.add(host);
    else for (const name of exact) if (isOneLabelBelow(name, host)) served.add(name);
  }
  return [...served];
}

/** @throws AppError 422 naming the first host that none of the tenant's routes serves */
export function requireServed(hosts: readonly string[], routeHosts: readonly string[]): void {
  const strange = hosts.find((host) => servedNames([host], routeHosts).length === 0);
  if (strange !== undefined) throw hostsRefused(`must be hosts of your routes; no route has '${strange}'`);
}

/** Whether a certificate's names stand for this host: the very name, or a wildcard one label above it. */
export const coversHost = (names: readonly string[], host: string): boolean =>
  names.some((name) => name === host || (name.startsWith('*.') && isOneLabelBelow(host, name)));

function isOneLabelBelow(host: string, wildcard: string): boolean {
  const parent = wildcard.slice(1);
  const label = host.slice(0, -parent.length);
  return host.endsWith(parent) && label !== '' && label !== '*' && !label.includes('.');
}
