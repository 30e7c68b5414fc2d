export type OutgoingFailure =
  /** The address is private, loopback, link-local, a metadata service … or not https. */
  | 'blocked_address'
  /** The name does not resolve. */
  | 'dns'
  /** Nobody listens there, or the connection broke. */
  | 'refused'
  | 'timeout'
  | 'tls'
  | 'too_large'
  | 'redirect';

/** Why an outgoing request got no answer. The message is for the tenant who gave the address: it names no resolved address. */
export class OutgoingError extends Error {
  override readonly name = 'OutgoingError';

  constructor(
    readonly failure: OutgoingFailure,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

const DNS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'ENODATA', 'EBADNAME']);
const TIMEOUT = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const TLS = /^(?:ERR_TLS|ERR_SSL|CERT_|EPROTO|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH)/;

const MESSAGES: Record<'dns' | 'timeout' | 'tls' | 'refused', string> = {
  dns: 'the host name does not resolve',
  timeout: 'no answer within the time limit',
  tls: 'the TLS certificate or handshake was not acceptable',
  refused: 'no connection, or it broke',
};

function failureOf(codes: string[]): keyof typeof MESSAGES {
  if (codes.some((c) => DNS.has(c))) return 'dns';
  if (codes.some((c) => TLS.test(c))) return 'tls';
  return codes.some((c) => TIMEOUT.has(c)) ? 'timeout' : 'refused';
}

interface Failure {
  name?: string;
  code?: string;
  cause?: unknown;
  errors?: unknown[];
}

/** An error with its causes and, of several addresses tried, each one's. */
function* chain(error: unknown): Generator<Failure> {
  for (let e = error as Failure | undefined; typeof e === 'object' && e !== null; e = e.cause as Failure) {
    yield e;
    for (const inner of e.errors ?? []) yield* chain(inner);
  }
}

/** Sorts what the HTTP client throws into the failures that a tenant can act on. */
export function classify(error: unknown): OutgoingError {
  const errors = [...chain(error)];
  const ours = errors.find((e) => e instanceof OutgoingError);
  if (ours) return ours as OutgoingError;
  const timedOut = errors.some((e) => e.name === 'TimeoutError');
  const failure = timedOut ? 'timeout' : failureOf(errors.map((e) => String(e.code ?? '')));
  return new OutgoingError(failure, MESSAGES[failure], error);
}

/** Why a request of the guarded client failed, when that is behind `error`. */
export function outgoingFailureOf(error: unknown): OutgoingError | null {
  return ([...chain(error)].find((e) => e instanceof OutgoingError) as OutgoingError | undefined) ?? null;
}
