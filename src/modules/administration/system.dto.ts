import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { IsDuration, MayBeAbsent } from '../../platform/http/index.js';

export class DrainQuery {
  /**
   * How long the answer waits for what the node has in hand; 10s when not given.
   * @example 30s
   */
  @MayBeAbsent()
  @IsDuration('0s', '5m')
  deadline?: string;

  /**
   * Id or name of the node; the one that answers when not given.
   * @example node-2
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(200)
  node?: string;
}

export class UndrainQuery {
  /**
   * Id or name of the node; the one that answers when not given.
   * @example node-2
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(200)
  node?: string;
}

export class DrainResponse {
  /** @example "system drained" */
  status: string;
  /**
   * Id of the node concerned.
   * @example node_01jz3k5v8hf0vbn2x4q6t8w0ya
   */
  node: string;
  /** @example true */
  draining: boolean;
  /**
   * Whether it has nothing in hand any more and can be stopped; null for another node, whose state `/api/cluster` shows.
   * @example true
   */
  drained: boolean | null;
  @ApiProperty({
    description: 'What it still has in hand: requests of the API and of the data plane, sockets',
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { api: 0, proxy: 0, sockets: 0 },
  })
  in_hand: Record<string, number>;

  /**
   * Requests of the API and of the data plane that were still being answered at the end of the wait, without this one;
   * null for another node.
   * @example 0
   */
  requests_in_flight: number | null;
  /**
   * WebSockets that this drain sent away with 1001; null for another node.
   * @example 3
   */
  websockets_closed: number | null;
}
