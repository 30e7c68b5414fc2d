import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean } from 'class-validator';
import { ErrorBody, MayBeAbsent, queryBoolean, WaitQuery } from '../../platform/http/index.js';
import { BackendResponse, CreateBackendRequest } from '../backends/index.js';
import { CreatePoolRequest, PoolResponse } from '../pools/index.js';
import { CreateRouteRequest, RouteResponse } from '../routes/index.js';

export class BulkQuery extends WaitQuery {
  @ApiPropertyOptional({ description: 'All items or none', type: 'boolean', default: false, example: true })
  @MayBeAbsent()
  @Transform(queryBoolean)
  @IsBoolean()
  atomic?: boolean;
}

/** Items are checked one by one: a wrong one does not keep the others from being made. */
export class BulkPoolsRequest {
  items: CreatePoolRequest[];
}
export class BulkBackendsRequest {
  items: CreateBackendRequest[];
}
export class BulkRoutesRequest {
  items: CreateRouteRequest[];
}

class BulkResult {
  /** @example 0 */
  index: number;
  /**
   * The status that a request for this item alone would have had.
   * @example 201
   */
  status: number;
  error?: ErrorBody;
}
class BulkSummary {
  /** @example 1 */
  created: number;
  /** @example 0 */
  failed: number;
}

export class BulkPoolResult extends BulkResult {
  resource?: PoolResponse;
}
export class BulkBackendResult extends BulkResult {
  resource?: BackendResponse;
}
export class BulkRouteResult extends BulkResult {
  resource?: RouteResponse;
}
export class BulkPoolsResponse extends BulkSummary {
  results: BulkPoolResult[];
}
export class BulkBackendsResponse extends BulkSummary {
  results: BulkBackendResult[];
}
export class BulkRoutesResponse extends BulkSummary {
  results: BulkRouteResult[];
}
