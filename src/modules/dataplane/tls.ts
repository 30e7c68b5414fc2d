/** Where a certificate authority looks for the answer to a challenge (RFC 8555 §8.3); never sent to HTTPS. */
export const CHALLENGE_PATH = '/.well-known/acme-challenge/';

/** The addition to a host in an https URL: nothing for the port that everybody expects. */
export const portSuffix = (port: number): string => (port === 443 ? '' : `:${port}`);
