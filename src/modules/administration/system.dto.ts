import { IsOptional } from 'class-validator';
import { IsDuration } from '../../platform/http/index.js';

export class DrainQuery {
  /**
   * How long requests in flight may take; 10 s when it is left out.
   * @example 30s
   */
  @IsOptional()
  @IsDuration('0s', '10m')
  deadline?: string;
}

export class DrainResponse {
  /** @example system drained */
  status: string;
  /**
   * Whether the node is out of service: its `/health` answers 503.
   * @example true
   */
  draining: boolean;
  /**
   * Whether nothing is in flight any more: it can be stopped.
   * @example true
   */
  drained: boolean;
  /**
   * End users' requests that were still in flight at the deadline.
   * @example 0
   */
  requests_in_flight: number;
  /**
   * Live channels that were closed with 1001.
   * @example 3
   */
  websockets_closed: number;
}
