import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsEmail,
  IsFQDN,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { AllMayBeAbsent, IsLine, MayBeAbsent, PageQuery } from '../../platform/http/index.js';
import { PLANS, type PlanId } from './plans.js';
import type { Tenant } from './tenant.entity.js';

const lower = ({ value }: { value: unknown }) =>
  typeof value === 'string' ? value.trim().toLowerCase() : value;

export class TenantSettingsDto {
  /**
   * Most users, below the plan's own limit; null: the plan's.
   * @example 50
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  max_users?: number | null;

  /**
   * Requests a month after which an alert fires; null: the plan's.
   * @example 500000
   */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1_000_000_000_000)
  max_requests_per_month?: number | null;

  /**
   * Origins whose pages may call the API from a browser (CORS).
   * @example ["https://app.example.com"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(50)
  @ArrayUnique()
  @Matches(/^https?:\/\/[a-z0-9.-]+(:\d{1,5})?$/, {
    each: true,
    message: 'allowed_origins must be origins such as https://app.example.com, in lower case',
  })
  allowed_origins?: string[];

  /**
   * E-mail domains whose people may register into this tenant themselves, as members.
   * @example ["example.com"]
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(50)
  @IsFQDN({}, { each: true })
  allow_registration_domains?: string[];
}

export class CreateTenantRequest {
  /** @example "Acme Corp" */
  @IsLine(120)
  name: string;

  /**
   * The organisation's own domain.
   * @example acme.example.com
   */
  @MayBeAbsent()
  @Transform(lower)
  @IsFQDN()
  domain?: string;

  /** @example professional */
  @MayBeAbsent()
  @IsIn(PLANS)
  plan?: PlanId;

  /**
   * Invited as the tenant's owner.
   * @example admin@acme.example.com
   */
  @MayBeAbsent()
  @IsEmail()
  admin_email?: string;

  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => TenantSettingsDto)
  settings?: TenantSettingsDto;
}

class TenantFields {
  /** @example "Acme Corporation" */
  @IsLine(120)
  name: string;

  /** @example acme.example.com */
  @Transform(lower)
  @IsFQDN()
  domain: string;

  /**
   * Superadmins only; tenants change their plan with a subscription.
   * @example enterprise
   */
  @IsIn(PLANS)
  plan: PlanId;

  /**
   * Superadmins only. A suspended tenant's traffic is not served and its people cannot sign in.
   * @example active
   */
  @IsIn(['active', 'suspended'])
  status: 'active' | 'suspended';

  @IsObject()
  @ValidateNested()
  @Type(() => TenantSettingsDto)
  settings: TenantSettingsDto;
}

/** Any part of a tenant; what is not sent stays as it is, inside `settings` too. */
export class UpdateTenantRequest extends AllMayBeAbsent(TenantFields) {}

export class TenantListQuery extends PageQuery {
  /**
   * Beginning of the name, in any case, or an id.
   * @example acme
   */
  @MayBeAbsent()
  @IsLine(120)
  search?: string;
}

export class TenantUsage {
  /**
   * Requests carried in the current calendar month (UTC).
   * @example 1000000
   */
  requests_per_month: number;
  /**
   * Traffic both ways in the current calendar month, in 10^9 bytes.
   * @example 500
   */
  bandwidth_gb: number;
}

export class TenantSettingsResponse {
  /** @example 50 */
  max_users: number | null;
  /** @example 500000 */
  max_requests_per_month: number | null;
  /** @example ["https://app.example.com"] */
  allowed_origins: string[];
  /** @example ["example.com"] */
  allow_registration_domains: string[];
}

export class TenantResponse {
  /** @example tenant_01jz3k5v8hf0vbn2x4q6t8w0ya */
  id: string;
  /** @example "Acme Corp" */
  name: string;
  /** @example acme.example.com */
  domain: string | null;
  /** @example active */
  status: 'active' | 'suspended';
  /** @example enterprise */
  plan: PlanId;
  /** @example 2026-01-01T00:00:00.000Z */
  created_at: string;
  /** @example 2026-01-01T00:00:00.000Z */
  updated_at: string;
  /** @example 25 */
  user_count: number;
  settings: TenantSettingsResponse;
  usage: TenantUsage;
  /**
   * Only in the answer that invited `admin_email`: hand it on, it registers the owner.
   * @example 3q2-7wEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00
   */
  invitation_token?: string;

  static from(tenant: Tenant, userCount: number, usage: TenantUsage): TenantResponse {
    const { settings } = tenant;
    return {
      id: tenant.id,
      name: tenant.name,
      domain: tenant.domain,
      status: tenant.status,
      plan: tenant.plan as PlanId,
      created_at: tenant.created_at.toISOString(),
      updated_at: tenant.updated_at.toISOString(),
      user_count: userCount,
      settings: {
        max_users: settings.max_users ?? null,
        max_requests_per_month: settings.max_requests_per_month ?? null,
        allowed_origins: settings.allowed_origins ?? [],
        allow_registration_domains: settings.allow_registration_domains ?? [],
      },
      usage,
    };
  }
}
