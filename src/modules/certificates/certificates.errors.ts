import { AppError, conflict, invalidField, notFound } from '../../common/errors.js';

export const certificateNotFound = (id: string) => notFound('Certificate', id);
export const chainRefused = (problem: string) =>
  invalidField('certificate', 'isCertificateChain', `certificate ${problem}`);
export const keyRefused = (problem: string) =>
  invalidField('private_key', 'isPrivateKey', `private_key ${problem}`);
export const hostsRefused = (problem: string) => invalidField('hosts', 'isServed', `hosts ${problem}`);
export const tooManyCertificates = (limit: number) =>
  new AppError(403, 'LIMIT_REACHED', `A tenant has at most ${limit} certificates`);
export const acmeNotConfigured = () =>
  conflict('ACME_NOT_CONFIGURED', 'This installation has no certificate authority (ACME_DIRECTORY_URL)');
export const managedByAcme = () =>
  conflict('CERTIFICATE_MANAGED', 'This certificate is renewed automatically; upload another one instead');
export const notManagedByAcme = () =>
  conflict('CERTIFICATE_NOT_MANAGED', 'This certificate was uploaded; replace it with a newer one');
