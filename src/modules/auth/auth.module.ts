import { Global, Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { PassportModule } from '@nestjs/passport';
import { Authenticator } from '../../platform/security/index.js';
import { SettingsModule } from '../settings/index.js';
import { TenantsModule } from '../tenants/index.js';
import { AccessTokens } from './access-tokens.js';
import { ApiKeysController } from './api-keys/api-keys.controller.js';
import { ApiKeysRepository } from './api-keys/api-keys.repository.js';
import { ApiKeysService } from './api-keys/api-keys.service.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { Credentials } from './credentials.js';
import { LockoutRepository } from './lockout.repository.js';
import { OidcController } from './oidc/oidc.controller.js';
import { OidcRepository } from './oidc/oidc.repository.js';
import { OidcService } from './oidc/oidc.service.js';
import { OidcClient } from './oidc/oidc-client.js';
import { OidcPeople } from './oidc/oidc-people.service.js';
import { OidcSignInController } from './oidc/oidc-sign-in.controller.js';
import { OidcSignInService } from './oidc/oidc-sign-in.service.js';
import { PasswordStrategy } from './password.strategy.js';
import { MemberPasswordResetsController, PasswordResetsController } from './password-resets.controller.js';
import { PasswordResetsRepository } from './password-resets.repository.js';
import { PasswordResets } from './password-resets.service.js';
import { ProfileController } from './profile.controller.js';
import { SessionsRepository } from './sessions.repository.js';
import { SessionsService } from './sessions.service.js';

/** Global: the guards of the platform ask its Authenticator who calls. */
@Global()
@Module({
  imports: [JwtModule.register({}), PassportModule, SettingsModule, TenantsModule],
  controllers: [
    PasswordResetsController,
    MemberPasswordResetsController,
    AuthController,
    ProfileController,
    ApiKeysController,
    OidcController,
    OidcSignInController,
  ],
  providers: [
    AuthService,
    SessionsService,
    AccessTokens,
    PasswordStrategy,
    SessionsRepository,
    LockoutRepository,
    PasswordResets,
    PasswordResetsRepository,
    ApiKeysService,
    ApiKeysRepository,
    OidcService,
    OidcSignInService,
    OidcPeople,
    OidcClient,
    OidcRepository,
    { provide: Authenticator, useClass: Credentials },
  ],
  exports: [Authenticator, SessionsService],
})
export class AuthModule {}
