import { Injectable } from '@nestjs/common';
import { Environment } from '../config/environment.js';

/**
 * Origins whose pages may read the API's answers: the installation's own and the ones that tenants name. A preflight
 * carries no token, so it is answered for any tenant's origin; the data itself still needs that tenant's token.
 */
@Injectable()
export class CorsOrigins {
  private readonly fixed: ReadonlySet<string>;
  private tenants: ReadonlySet<string> = new Set();

  constructor(environment: Environment) {
    this.fixed = new Set(environment.CORS_ORIGINS);
  }

  allows(origin: string): boolean {
    return this.fixed.has(origin) || this.tenants.has(origin);
  }

  /** Replaces what the tenants named. */
  setTenantOrigins(origins: Iterable<string>): void {
    this.tenants = new Set(origins);
  }
}
