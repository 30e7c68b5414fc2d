/** Why the server ends a socket (RFC 6455 §7.4; 4000–4999 are ours). README and the OpenAPI description name them. */
export const CLOSE = {
  /** The node stops; connect again, another node answers. */
  goingAway: 1001,
  /** The message was too large (`ws` closes with it by itself). */
  messageTooBig: 1009,
  /** Session ended, access token expired, account or tenant suspended: get a new token first. */
  unauthorized: 4401,
  /** The role no longer allows this socket. */
  forbidden: 4403,
  /** No answer to a ping. */
  idle: 4408,
  /** More messages than the server takes from one client. */
  tooManyMessages: 4429,
  /** The client did not read what it was sent for ten seconds. */
  tooSlow: 4430,
} as const;
