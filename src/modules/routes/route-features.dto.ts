import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { MAX_PAGE_BYTES } from '../../common/load-balancing.js';
import { IsDuration, MayBeAbsent } from '../../platform/http/index.js';
import { normalisePath } from './host.js';
import {
  AreChangeableHeaders,
  AreCidrs,
  AreFieldNames,
  AreOrigins,
  HasThreeDecimals,
  IsFieldName,
  IsHeaderMap,
  IsMediaType,
  IsOneLine,
  IsPage,
  IsRedirectTarget,
  Named,
} from './route-validators.js';

export const IsPathPrefix = () =>
  Named(
    'isPathPrefix',
    'must be a path such as /api, of at most 1024 characters, without empty or dot segments, query or spaces',
    (value) => typeof value === 'string' && normalisePath(value) !== null,
  );

export class MatchCondition {
  /** @example header */
  @IsIn(['header', 'query'])
  in: 'header' | 'query';

  /**
   * Header (in any case), or query parameter of letters, digits and `-_.~`.
   * @example x-beta
   */
  @IsFieldName()
  name: string;

  /**
   * Without it the header or parameter only has to be there.
   * @example on
   */
  @MayBeAbsent()
  @IsOneLine()
  @MaxLength(1024)
  equals?: string;
}

export class HeaderRules {
  @ApiPropertyOptional({
    description: 'Headers to set, in place of any that are there; 32 at most, 8,192 characters together',
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { 'X-Served-By': 'veloflux' },
  })
  @MayBeAbsent()
  @IsHeaderMap()
  set?: Record<string, string>;

  /**
   * Headers to take out.
   * @example ["Server"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(32)
  @AreChangeableHeaders()
  remove?: string[];
}

export class RouteRateLimit {
  /**
   * Requests a second of one client address that pass in the long run. HAProxy begins to count anew when it reloads.
   * @example 50
   */
  @IsNumber()
  @HasThreeDecimals()
  @Min(0.001)
  @Max(1_000_000)
  requests_per_second: number;

  /**
   * Requests that may come at once.
   * @example 100
   */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  burst: number;
}

export class RouteCors {
  /**
   * Origins of pages, or `*`.
   * @example ["https://app.example.com"]
   */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @AreOrigins()
  allow_origins: string[];

  /** @example ["GET", "POST"] */
  @IsArray()
  @ArrayMaxSize(20)
  @AreFieldNames()
  allow_methods: string[];

  /** @example ["Authorization", "Content-Type"] */
  @IsArray()
  @ArrayMaxSize(50)
  @AreFieldNames()
  allow_headers: string[];

  /** @example ["X-Request-Id"] */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(50)
  @AreFieldNames()
  expose_headers?: string[];

  /**
   * Whether pages may send cookies; not together with the origin `*`.
   * @example false
   */
  @IsBoolean()
  allow_credentials: boolean;

  /**
   * How long a browser may remember the answer to a preflight.
   * @example 10m
   */
  @IsDuration('0s', '1d')
  max_age: string;
}

export class RouteRedirect {
  /** @example 308 */
  @IsIn([301, 302, 307, 308])
  status: 301 | 302 | 307 | 308;

  /**
   * An http or https URL, or a path.
   * @example https://www.example.com/
   */
  @IsRedirectTarget()
  location: string;
}

export class RouteMaintenance {
  /** @example 503 */
  @IsInt()
  @Min(200)
  @Max(599)
  status: number;

  /**
   * At most 15000 bytes in UTF-8.
   * @example "Back at noon."
   */
  @IsString()
  @MaxLength(MAX_PAGE_BYTES)
  @IsPage()
  body: string;

  /** @example "text/plain; charset=utf-8" */
  @IsMediaType()
  @MaxLength(256)
  content_type: string;
}

export class RouteSplitTarget {
  /**
   * Name of a pool.
   * @example web_servers_next
   */
  @IsString()
  @MaxLength(63)
  pool: string;

  /**
   * Share of the requests relative to the other targets; 0 takes none.
   * @example 10
   */
  @IsInt()
  @Min(0)
  @Max(100)
  weight: number;
}

/** What a route does besides forwarding; what is absent is off. */
export class RouteFeaturesBody {
  /** Conditions that must all hold; among routes of the same host and prefix, more conditions win. */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(10)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => MatchCondition)
  match?: MatchCondition[];

  /**
   * Takes the matched prefix off before forwarding.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  strip_prefix?: boolean;

  /**
   * Replaces the matched prefix; not together with `strip_prefix`.
   * @example /v2
   */
  @MayBeAbsent()
  @IsPathPrefix()
  rewrite_prefix?: string;

  /** Changes the request before it is forwarded. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => HeaderRules)
  request_headers?: HeaderRules;

  /**
   * Changes what the backend answers. What the proxy adds itself comes after: the request's id where there is none, the
   * sticky cookie, and what `cors` says.
   */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => HeaderRules)
  response_headers?: HeaderRules;

  /** Requests beyond it are answered 429. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => RouteRateLimit)
  rate_limit?: RouteRateLimit;

  /**
   * With a list, everybody else is answered 403.
   * @example ["203.0.113.0/24"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(200)
  @ArrayUnique()
  @AreCidrs()
  ip_allow?: string[];

  /**
   * Answered 403; wins over `ip_allow`.
   * @example ["198.51.100.7/32"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(200)
  @ArrayUnique()
  @AreCidrs()
  ip_deny?: string[];

  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => RouteCors)
  cors?: RouteCors;

  /** Answered instead of forwarding. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => RouteRedirect)
  redirect?: RouteRedirect;

  /**
   * In place of the pool's.
   * @example 10s
   */
  @MayBeAbsent()
  @IsDuration('10ms', '1h')
  response_timeout?: string;

  /**
   * In place of the pool's.
   * @example 1
   */
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(10)
  retries?: number;

  /**
   * A longer request body is answered 413; on HAProxy one that does not tell its length 411.
   * @example 10485760
   */
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(1_000_000_000_000)
  max_body_bytes?: number;

  /** Answered instead of forwarding. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => RouteMaintenance)
  maintenance?: RouteMaintenance;

  /**
   * Spreads the requests over several pools by weight (canary) instead of `pool`. Where a pool has sticky sessions its
   * clients stay with it.
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(10)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => RouteSplitTarget)
  split?: RouteSplitTarget[];
}
