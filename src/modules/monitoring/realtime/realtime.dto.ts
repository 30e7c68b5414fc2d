import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, Max, Min, ValidateIf } from 'class-validator';
import { IsLine, MayBeAbsent } from '../../../platform/http/index.js';

const CONTROL_ACTIONS = ['pause', 'resume', 'set_interval'] as const;
export type ControlAction = (typeof CONTROL_ACTIONS)[number];

export class ControlRequest {
  @ApiProperty({ enum: CONTROL_ACTIONS, enumName: 'ControlAction', example: 'set_interval' })
  @IsIn(CONTROL_ACTIONS)
  action: ControlAction;

  /**
   * Name of a channel; all channels when left out.
   * @example metrics
   */
  @MayBeAbsent()
  @IsLine(100)
  channel?: string;

  /**
   * Milliseconds between two frames; only with `set_interval`.
   * @example 1000
   */
  @ValidateIf((o: ControlRequest) => o.action === 'set_interval' || o.interval_ms !== undefined)
  @IsInt()
  @Min(250)
  @Max(3_600_000)
  interval_ms?: number;
}

export class ChannelStateResponse {
  /** @example metrics */
  name: string;
  /** @example "Load of this machine and traffic" */
  summary: string;
  /** @example false */
  paused: boolean;
  /**
   * Milliseconds between two frames; null: sent on change only.
   * @example 2000
   */
  interval_ms: number | null;
  /**
   * Whether it takes no credential.
   * @example false
   */
  public: boolean;
  /**
   * Clients of this node.
   * @example 12
   */
  clients: number;
}

export class ControlResponse {
  /** @example ok */
  control: string;
  @ApiProperty({ type: [ChannelStateResponse] })
  channels: ChannelStateResponse[];
}

export class ForceUpdateRequest {
  @ApiPropertyOptional({ description: 'Name of a channel; all channels when left out', example: 'metrics' })
  @MayBeAbsent()
  @IsLine(100)
  channel?: string;
}

export class ForceUpdateResponse {
  /** @example triggered */
  force_update: string;
  /**
   * Clients of this node that get a frame; those of other nodes get one too.
   * @example 12
   */
  clients: number;
}

export class ConnectionResponse {
  /**
   * What the client called itself on `/ws/{client_id}`; generated on the other channels.
   * @example dashboard-001
   */
  client_id: string;
  /** @example dashboard */
  channel: string;
  /** @example 2026-06-19T15:20:00.000Z */
  connected_at: string;
  /**
   * E-mail address; null on a public channel without a credential.
   * @example admin@cluster-ai.local
   */
  user: string | null;
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  tenant_id: string | null;
  /** @example 203.0.113.7 */
  address: string;
}

export class ConnectionsResponse {
  /**
   * On this node; a tenant's people count their tenant's only.
   * @example 3
   */
  active_connections: number;
  /**
   * Node that answers.
   * @example node-1:8080
   */
  node: string;
  @ApiProperty({ type: [ConnectionResponse], description: 'At most 1,000, the newest first' })
  clients: ConnectionResponse[];
}
