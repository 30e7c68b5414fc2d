export { Access, CurrentUser, Public, Unlimited } from './access.js';
export { headerCredential } from './header-credential.js';
export { PasswordHasher } from './passwords.js';
export { Authenticator, type Principal, requirePermission, type View, viewOf } from './principal.js';
export { RedisRateLimitStorage } from './rate-limit.storage.js';
export { hashToken, randomToken, Secrets } from './secrets.js';
export { SecurityModule } from './security.module.js';
export { SharedRateLimitStorage } from './shared-rate-limit.storage.js';
export { SOCKET_COOKIE } from './socket-cookie.js';
