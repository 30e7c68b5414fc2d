import type { SecureContext, SecureContextOptions } from 'node:tls';
import { type KeyPair, listenerOptions, secureContextOf } from '../../../../common/tls.js';
import type { CertificateConfig } from '../../snapshot.js';
import { refuse } from '../config/validate-slice.js';

interface Loaded {
  readonly config: CertificateConfig;
  readonly context: SecureContext;
}

/** The certificates in use, by the name that a client asks for (SNI, RFC 6066 §3). */
export class CertificateStore {
  private readonly byName = new Map<string, { tenantId: string; context: SecureContext }>();
  private readonly byTenant = new Map<string, readonly Loaded[]>();
  private readonly fallback: SecureContext | null;

  /** For the listener itself: clients that name no host at all. */
  readonly listenerOptions: SecureContextOptions;

  constructor(fallback: KeyPair | null) {
    this.listenerOptions = listenerOptions(fallback);
    this.fallback = fallback && secureContextOf(fallback);
  }

  /** The exact name, else the wildcard one label above it, else the default; null when there is none. */
  find(serverName: string): SecureContext | null {
    const name = serverName.toLowerCase();
    const wildcard = `*${name.slice(name.indexOf('.'))}`;
    return (this.byName.get(name) ?? this.byName.get(wildcard))?.context ?? this.fallback;
  }

  /** Tenant whose certificate this name is served with, or null. */
  ownerOf(name: string): string | null {
    return this.byName.get(name)?.tenantId ?? null;
  }

  /**
   * Reads a tenant's certificates without using them yet; ones that did not change are not read again.
   * @throws SnapshotRefused when one cannot be used
   */
  load(tenantId: string, configs: readonly CertificateConfig[]): Loaded[] {
    const before = this.byTenant.get(tenantId) ?? [];
    return configs.map((config) => {
      const known = before.find((each) => isSame(each.config, config));
      return { config, context: known?.context ?? read(config) };
    });
  }

  /** Puts what was loaded in the place of the tenant's certificates. */
  put(tenantId: string, loaded: readonly Loaded[]): void {
    this.remove(tenantId);
    if (loaded.length === 0) return;
    this.byTenant.set(tenantId, loaded);
    for (const { config, context } of loaded)
      for (const host of config.hosts) this.byName.set(host, { tenantId, context });
  }

  remove(tenantId: string): void {
    for (const { config } of this.byTenant.get(tenantId) ?? [])
      for (const host of config.hosts) if (this.ownerOf(host) === tenantId) this.byName.delete(host);
    this.byTenant.delete(tenantId);
  }
}

function read(config: CertificateConfig): SecureContext {
  try {
    return secureContextOf(config);
  } catch {
    return refuse(`certificate ${config.id}`, 'cannot be used with its key');
  }
}

const isSame = (a: CertificateConfig, b: CertificateConfig): boolean =>
  a.chain === b.chain && a.privateKey === b.privateKey;
