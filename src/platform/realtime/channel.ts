import type { Permission } from '../../common/permissions.js';
import type { View } from '../security/index.js';

/** A live channel: one kind of state that clients follow. */
export interface ChannelDefinition {
  /** Path segment after `/api/ws/`. */
  readonly name: string;
  /** `type` of its frames; the name when it is left out. */
  readonly type?: string;
  readonly summary: string;
  /** What a client needs; null: public, and then nothing in it may be a tenant's. */
  readonly access: Permission | null;
  /** `installation`: everybody gets the same frames. `tenant`: each tenant its own, superadmins those of all. */
  readonly scope: 'installation' | 'tenant';
  /**
   * The whole state, sent first, after a pause, on a forced update, on each interval, and to a client that was too slow
   * for what came in between. Tenant channels get the view, the others null.
   */
  readonly state: (view: View) => Promise<unknown>;
  /** Milliseconds between two states; left out: sent on change only. */
  readonly intervalMs?: number;
}

/** One frame, as every client gets it. */
export interface Frame {
  type: string;
  timestamp: string;
  data: unknown;
}

export const frame = (type: string, data: unknown): Frame => ({
  type,
  timestamp: new Date().toISOString(),
  data,
});

/** A frame as it is sent, encoded once for all who get it. */
export const encodeFrame = (type: string, data: unknown): Buffer =>
  Buffer.from(JSON.stringify(frame(type, data)));

/** Answer to any message of a client. */
export const encodeAck = (message: unknown): Buffer =>
  Buffer.from(
    JSON.stringify({
      type: 'ack',
      message: message === null ? 'Message received, but it is not JSON' : 'Message received',
      timestamp: new Date().toISOString(),
    }),
  );
