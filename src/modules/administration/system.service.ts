import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { notFound } from '../../common/errors.js';
import { Database, Notifications } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { HealthRegistry } from '../../platform/observability/index.js';
import { NodesService } from '../cluster/index.js';
import type { DrainResponse } from './system.dto.js';

const LOOK_EVERY_MS = 20;
/** Notification that asks a node to take no new work, or to take some again. */
const DRAIN = 'node.drain';
interface DrainRequest {
  nodeId: string;
  draining: boolean;
}

/** Takes a node out of service without failing a request, and back. */
@Injectable()
export class SystemService implements OnApplicationBootstrap {
  private readonly logger = new Logger('system');
  /** Sockets that were open when this node last began to drain. */
  private sentAway = 0;

  constructor(
    private readonly health: HealthRegistry,
    private readonly nodes: NodesService,
    private readonly notifications: Notifications,
    private readonly database: Database,
    private readonly journal: Journal,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.on<DrainRequest>(DRAIN, ({ nodeId, draining }) => {
      if (nodeId !== this.nodes.localId) return;
      this.logger.log(draining ? 'This node takes no new work' : 'This node takes work again');
      this.setDraining(draining);
      this.nodes.reportState().catch((e: Error) => this.logger.warn(`state not told: ${e.message}`));
    });
  }

  /** Health turns 503, sockets end with 1001, answers end their connections; waits for what is in hand. */
  async drain(node: string | undefined, deadlineMs: number): Promise<DrainResponse> {
    const wasDraining = this.health.draining;
    const id = await this.ask(node, true);
    if (id !== this.nodes.localId) return respondForOther(id, 'system draining', true);
    this.setDraining(true);
    const sentAway = wasDraining ? 0 : this.sentAway;
    const deadline = performance.now() + deadlineMs;
    while (!this.isIdle() && performance.now() < deadline) await delay(LOOK_EVERY_MS);
    const drained = this.isIdle();
    return this.respond(id, drained ? 'system drained' : 'system draining', drained, sentAway);
  }

  async undrain(node: string | undefined): Promise<DrainResponse> {
    const id = await this.ask(node, false);
    if (id !== this.nodes.localId) return respondForOther(id, 'system undrained', false);
    this.setDraining(false);
    return this.respond(id, 'system undrained', false, 0);
  }

  /** Not with the notification alone: what is answered must be true by then. */
  private setDraining(draining: boolean): void {
    if (draining && !this.health.draining) this.sentAway = this.health.load().sockets ?? 0;
    this.health.setDraining(draining);
  }

  private async ask(node: string | undefined, draining: boolean): Promise<string> {
    const found = node ? (await this.nodes.list()).find((n) => n.id === node || n.name === node) : null;
    if (node && !found) throw notFound('Node', node);
    const nodeId = found?.id ?? this.nodes.localId!;
    await this.database.system(async (tx) => {
      await this.journal.record(tx, {
        tenantId: null,
        action: draining ? 'node.drained' : 'node.undrained',
        level: 'warning',
        message: `Node '${found?.name ?? this.nodes.name}' ${draining ? 'drained' : 'undrained'}`,
        object: { type: 'node', id: nodeId },
      });
      await this.notifications.publish(tx, DRAIN, { nodeId, draining } satisfies DrainRequest);
    });
    return nodeId;
  }

  /** The request that asks is one of the API's own. */
  private isIdle(): boolean {
    const { api = 0, ...others } = this.health.load();
    return api <= 1 && Object.values(others).every((n) => n === 0);
  }

  private respond(node: string, status: string, drained: boolean, sentAway: number): DrainResponse {
    const { api = 0, ...others } = this.health.load();
    const inHand = { api: Math.max(0, api - 1), ...others };
    return {
      status,
      node,
      draining: this.health.draining,
      drained,
      in_hand: inHand,
      requests_in_flight: inHand.api + (others.proxy ?? 0),
      websockets_closed: sentAway,
    };
  }
}

/** Of another node only `/api/cluster` knows how far it is. */
const respondForOther = (node: string, status: string, draining: boolean): DrainResponse => ({
  status,
  node,
  draining,
  drained: null,
  in_hand: {},
  requests_in_flight: null,
  websockets_closed: null,
});
