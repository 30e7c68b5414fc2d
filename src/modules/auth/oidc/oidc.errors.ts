import { AppError, forbidden, notFound, unauthorized } from '../../../common/errors.js';

export const notConfigured = () => notFound('Single sign-on configuration');
/** One answer for what a forger could learn from: unknown, used, expired and foreign sign-ins look the same. */
export const signInRefused = (cause?: unknown) =>
  new AppError(401, 'SSO_REFUSED', 'This sign-in is not valid (any more); begin again', { cause });
export const providerRefused = (reason: string) =>
  unauthorized(`The provider did not sign you in: ${reason}`, 'SSO_DENIED');
export const providerUnreachable = (reason: string, cause: unknown) =>
  new AppError(503, 'SSO_PROVIDER_UNAVAILABLE', `The sign-in provider cannot be used: ${reason}`, {
    cause,
    retryAfterSeconds: 10,
  });
export const notYours = (reason: string) => forbidden(reason, 'SSO_NOT_ALLOWED');
