import { CHALLENGE_PATH, portSuffix } from '../../tls.js';
import type { Guard } from '../features/guard.js';

/**
 * Sends requests over HTTP to the same place over HTTPS. 308: method and body stay (RFC 9110 §15.4.9).
 * @param httpsPort Port that clients see; null while there is no TLS door.
 */
export const toHttps =
  (httpsPort: () => number | null): Guard =>
  ({ scheme, host, path, query }) => {
    const port = scheme === 'http' ? httpsPort() : null;
    if (port === null || path.startsWith(CHALLENGE_PATH)) return null;
    return {
      status: 308,
      headers: ['Location', `https://${host}${portSuffix(port)}${path}${query}`],
      body: '',
    };
  };
