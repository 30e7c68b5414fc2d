export type { ServedCertificate, ServedChallenge } from './certificate.js';
export { CertificatesModule } from './certificates.module.js';
export { CertificatesReadModel, type ExpiringCertificate } from './certificates.read-model.js';
export { servedNames } from './served-names.js';
