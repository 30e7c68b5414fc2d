import { AppError, forbidden, unauthorized } from '../../common/errors.js';

/** The same for an unknown name and a wrong password. */
export const invalidCredentials = () => unauthorized('Wrong user name or password', 'INVALID_CREDENTIALS');

/** Only for whoever knew the password. */
export const tenantSuspended = () =>
  forbidden('This tenant is suspended; ask the operator of the installation', 'TENANT_SUSPENDED');

/** 423 with Retry-After; told in whole minutes, rounded up. */
export function accountLocked(seconds: number): AppError {
  const minutes = Math.ceil(seconds / 60);
  return new AppError(423, 'ACCOUNT_LOCKED', `Too many failed sign-ins; try again in ${minutes} min`, {
    retryAfterSeconds: seconds,
  });
}
