import { Injectable } from '@nestjs/common';

export type ComponentState = 'healthy' | 'unhealthy' | 'not_configured';
export type ComponentProbe = () => ComponentState | Promise<ComponentState>;

const PROBE_LIMIT_MS = 2000;

/** What the product stands on. Each part registers a probe of its own; one that does not answer in 2 s is unhealthy. */
@Injectable()
export class HealthRegistry {
  private readonly probes = new Map<string, ComponentProbe>();
  private readonly drainListeners: ((draining: boolean) => void)[] = [];
  private readonly loads = new Map<string, () => number>();
  private isDraining = false;

  register(component: string, probe: ComponentProbe): void {
    this.probes.set(component, probe);
  }

  /** While true the node takes no new work: health checks of the proxy in front fail. */
  get draining(): boolean {
    return this.isDraining;
  }

  setDraining(draining: boolean): void {
    if (draining === this.isDraining) return;
    this.isDraining = draining;
    for (const listener of this.drainListeners) listener(draining);
  }

  onDraining(listener: (draining: boolean) => void): void {
    this.drainListeners.push(listener);
  }

  /** Registers how much a part of the node has in hand. */
  registerLoad(part: string, inHand: () => number): void {
    this.loads.set(part, inHand);
  }

  /** What the node has in hand, by part: requests, sockets. */
  load(): Record<string, number> {
    return Object.fromEntries([...this.loads].map(([part, inHand]) => [part, inHand()]));
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
