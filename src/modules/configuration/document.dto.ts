import { OmitType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, Equals, IsArray, IsObject, ValidateNested } from 'class-validator';
import { AllMayBeAbsent, MayBeAbsent } from '../../platform/http/index.js';
import { CreateBackendRequest } from '../backends/index.js';
import { CreatePoolRequest } from '../pools/index.js';
import { CreateRouteRequest } from '../routes/index.js';

export const DOCUMENT_FORMAT = 'veloflux-config/1';
const MAX_ENTRIES = 20_000;

/** A backend in its pool's entry; its address is its name. */
export class ConfigBackend extends OmitType(CreateBackendRequest, ['pool']) {}

export class ConfigPool extends CreatePoolRequest {
  /** All backends of the pool; absent: they stay as they are. */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MAX_ENTRIES)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => ConfigBackend)
  backends?: ConfigBackend[];
}

/** A route; host, path prefix and match conditions together are its name. */
export class ConfigRoute extends CreateRouteRequest {}

/**
 * A tenant's configuration by names, without ids. A section that is there is all of it: what it lacks is deleted. A
 * section that is absent stays as it is, and so does an absent field of an entry that exists.
 */
export class ConfigDocument {
  /** @example veloflux-config/1 */
  @Equals(DOCUMENT_FORMAT)
  format: string;

  @IsArray()
  @ArrayMaxSize(MAX_ENTRIES)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => ConfigPool)
  pools: ConfigPool[];

  @IsArray()
  @ArrayMaxSize(MAX_ENTRIES)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => ConfigRoute)
  routes: ConfigRoute[];
}

export class ConfigImport extends AllMayBeAbsent(ConfigDocument) {}
