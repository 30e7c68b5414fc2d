/**
 * Fields that belong to one connection, not to the message (RFC 9110 §7.6.1, RFC 9112 §6), and the proxy's credentials,
 * in lower case: a proxy neither forwards them nor lets anybody set them.
 */
export const HOP_BY_HOP_FIELDS = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const;
