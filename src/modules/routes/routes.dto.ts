import { IntersectionType, OmitType, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsObject, IsString, MaxLength, ValidateNested } from 'class-validator';
import { AllMayBeAbsent, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import { normaliseHost } from './host.js';
import { IsPathPrefix, RouteFeaturesBody } from './route-features.dto.js';
import { fromStored } from './route-features.js';
import { Named } from './route-validators.js';
import type { RouteRow } from './routes.read-model.js';

class RouteFields {
  /**
   * Host of the requests, without port; `*.example.com` stands for any one or more labels. It belongs to one tenant.
   * @example app.example.com
   */
  @IsString()
  @Named(
    'isHost',
    'must be a host name such as app.example.com or *.example.com',
    (value) => typeof value === 'string' && normaliseHost(value) !== null,
  )
  host: string;

  /**
   * Beginning of the path, on segment borders; the longest one wins. `/` when not given.
   * @example /api
   */
  @IsPathPrefix()
  path_prefix: string;

  /**
   * Name of the pool that gets the requests.
   * @example api_servers
   */
  @IsString()
  @MaxLength(63)
  pool: string;

  /**
   * Whether the host is served over TLS, with a certificate. False when not given.
   * @example true
   */
  @IsBoolean()
  ssl_enabled: boolean;

  /** Replaces all features of the route. */
  @IsObject()
  @ValidateNested()
  @Type(() => RouteFeaturesBody)
  features: RouteFeaturesBody;
}

export class CreateRouteRequest extends IntersectionType(
  PickType(RouteFields, ['host', 'pool']),
  AllMayBeAbsent(OmitType(RouteFields, ['host', 'pool'])),
) {}

/** Only what is sent changes; `features` is replaced as a whole. */
export class UpdateRouteRequest extends AllMayBeAbsent(RouteFields) {}

export class RouteListQuery extends PageQuery {
  /** @example app.example.com */
  @MayBeAbsent()
  @IsString()
  @MaxLength(255)
  host?: string;

  /**
   * Name of a pool.
   * @example api_servers
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(63)
  pool?: string;
}

export class RouteResponse {
  /** @example route_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example app.example.com */
  host: string;
  /** @example /api */
  path_prefix: string;
  /** @example api_servers */
  pool: string;
  /** @example true */
  ssl_enabled: boolean;
  features: RouteFeaturesBody;
  /**
   * Also in the ETag.
   * @example 1
   */
  version: number;
  /** @example 2026-06-19T10:00:00.000Z */
  created_at: string;
  /** @example 2026-06-19T10:00:00.000Z */
  updated_at: string;

  static from(row: RouteRow): RouteResponse {
    return {
      id: row.id,
      host: row.host,
      path_prefix: row.path_prefix,
      pool: row.pool,
      ssl_enabled: row.ssl_enabled,
      features: fromStored(row.features, row.split_pools),
      version: row.version,
      created_at: row.created_at.toISOString(),
      updated_at: row.updated_at.toISOString(),
    };
  }
}
