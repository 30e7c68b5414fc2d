import { Injectable } from '@nestjs/common';
import { Authenticator, type Principal } from '../../platform/security/index.js';
import { TenantsService } from '../tenants/index.js';
import { ApiKeysService, KEY_PREFIX } from './api-keys/api-keys.service.js';
import { SessionsService } from './sessions.service.js';

/** Every kind of credential that says who calls: API keys, and the access tokens of sessions. */
@Injectable()
export class Credentials extends Authenticator {
  constructor(
    private readonly keys: ApiKeysService,
    private readonly sessions: SessionsService,
    private readonly tenants: TenantsService,
  ) {
    super();
  }

  authenticate(credential: string): Promise<Principal> {
    return credential.startsWith(KEY_PREFIX)
      ? this.keys.authenticate(credential)
      : this.sessions.authenticate(credential);
  }

  knowsTenant(tenantId: string): Promise<boolean> {
    return this.tenants.exists(tenantId);
  }
}
