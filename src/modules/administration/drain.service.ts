import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { HealthRegistry } from '../../platform/observability/index.js';
import { CLOSE, SocketHub } from '../../platform/realtime/index.js';
import { DataPlaneService } from '../dataplane/index.js';
import type { DrainResponse } from './system.dto.js';

const LOOK_MS = 50;

/**
 * Takes a node out of service without failing a request: its health turns to 503, so that the proxy in front sends it
 * nothing new, live channels are told to connect elsewhere, and what is in flight may finish. It answers all the same,
 * so a proxy that has not looked yet loses nothing.
 */
@Injectable()
export class DrainService {
  constructor(
    private readonly health: HealthRegistry,
    private readonly sockets: SocketHub,
    private readonly dataPlane: DataPlaneService,
    private readonly database: Database,
    private readonly journal: Journal,
  ) {}

  /** Resolves when nothing of the end users is in flight any more, or after the time limit (ms). */
  async drain(limitMs: number): Promise<DrainResponse> {
    await this.set(true);
    const closed = this.closeSockets();
    const end = performance.now() + limitMs;
    while (this.dataPlane.stats().requestsInFlight > 0 && performance.now() < end)
      await new Promise((r) => setTimeout(r, LOOK_MS));
    const inFlight = this.dataPlane.stats().requestsInFlight;
    return {
      status: 'system drained',
      draining: true,
      drained: inFlight === 0,
      requests_in_flight: inFlight,
      websockets_closed: closed,
    };
  }

  /** Puts the node back into service. */
  async undrain(): Promise<DrainResponse> {
    await this.set(false);
    return {
      status: 'system in service',
      draining: false,
      drained: false,
      requests_in_flight: this.dataPlane.stats().requestsInFlight,
      websockets_closed: 0,
    };
  }

  private async set(draining: boolean): Promise<void> {
    if (this.health.draining === draining) return;
    this.health.draining = draining;
    await this.database.system((tx) =>
      this.journal.record(tx, {
        tenantId: null,
        action: draining ? 'system.drained' : 'system.undrained',
        message: draining ? 'Node taken out of service' : 'Node put back into service',
        object: { type: 'node', id: String(process.pid) },
      }),
    );
  }

  private closeSockets(): number {
    const clients = [...this.sockets.clients];
    for (const client of clients) this.sockets.close(client, CLOSE.goingAway, 'this node is drained');
    return clients.length;
  }
}
