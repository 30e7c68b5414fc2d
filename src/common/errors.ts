/** One field of a request that is wrong: `field` is its path in the request (`health_check.interval`). */
export interface FieldError {
  field: string;
  constraint: string;
  message: string;
}

export interface AppErrorOptions {
  details?: FieldError[];
  /** Sent as `Retry-After`, in seconds. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/**
 * An error that a client is meant to see. Everything else becomes a 503 or a 500 without a word about its cause.
 * `code` is stable and in upper snake case; `message` may change.
 */
export class AppError extends Error {
  override readonly name: string = 'AppError';
  readonly details: FieldError[];
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    options: AppErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.details = options.details ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** 400: not to be parsed or processed as sent. Fields that fail validation are {@link invalidField}'s 422. */
export const badRequest = (code: string, message: string) => new AppError(400, code, message);
export const unauthorized = (message = 'A valid access token is required', code = 'UNAUTHORIZED') =>
  new AppError(401, code, message);
export const forbidden = (message = 'Your role does not allow this', code = 'FORBIDDEN') =>
  new AppError(403, code, message);
/** Also for what belongs to another tenant: its existence is not told. */
export const notFound = (what: string, id?: string) =>
  new AppError(404, 'NOT_FOUND', id === undefined ? `${what} not found` : `${what} '${id}' not found`);
export const conflict = (code: string, message: string) => new AppError(409, code, message);
export const preconditionFailed = (message: string) => new AppError(412, 'PRECONDITION_FAILED', message);

/** 422 with one entry a field. */
export function invalid(details: FieldError[]): AppError {
  const message = details.map((d) => d.message).join('; ') || 'The request is not valid';
  return new AppError(422, 'VALIDATION_ERROR', message, { details });
}

/** 422 for a single field. */
export const invalidField = (field: string, constraint: string, message: string) =>
  invalid([{ field, constraint, message }]);

/** 503 with `Retry-After`: a dependency is down or the program is too busy; the same call may work later. */
export const unavailable = (code: string, message: string, retryAfterSeconds = 1, cause?: unknown) =>
  new AppError(503, code, message, { retryAfterSeconds, cause });
