export { Access, CurrentUser, currentPrincipal, Public, Unlimited } from './access.js';
export { PasswordHasher } from './passwords.js';
export { Authenticator, type Principal } from './principal.js';
export { hashToken, randomToken, Secrets } from './secrets.js';
