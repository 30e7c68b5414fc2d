import { Injectable } from '@nestjs/common';

export type ComponentState = 'healthy' | 'unhealthy' | 'not_configured';
export type ComponentProbe = () => ComponentState | Promise<ComponentState>;

const PROBE_LIMIT_MS = 2000;

/** What the product stands on. Each part registers a probe of its own; one that does not answer in 2 s is unhealthy. */
@Injectable()
export class HealthRegistry {
  private readonly probes = new Map<string, ComponentProbe>();
  /** While true the node takes no new work: health checks of the proxy in front fail. */
  draining = false;

  register(component: string, probe: ComponentProbe): void {
    this.probes.set(component, probe);
  }

  async states(): Promise<Record<string, ComponentState>> {
    const entries = [...this.probes].map(async ([name, probe]) => [name, await settled(probe)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }
}

async function settled(probe: ComponentProbe): Promise<ComponentState> {
  const limit = new Promise<ComponentState>((ok) =>
    setTimeout(() => ok('unhealthy'), PROBE_LIMIT_MS).unref(),
  );
  return Promise.race([Promise.resolve().then(probe), limit]).catch(() => 'unhealthy' as const);
}
