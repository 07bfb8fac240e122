/**
 * What went wrong, as callers may act on it.
 *
 * | code | means | retryable by default |
 * | --- | --- | --- |
 * | `UNAUTHENTICATED` | the credential was refused (HTTP 401) | no |
 * | `FORBIDDEN` | the credential is good but may not do this | no |
 * | `NOT_FOUND` | the project, vault or directory does not exist; never used for a single secret | no |
 * | `RATE_LIMITED` | too many requests; `retryAfterMs` says when to come back, where the service told | yes |
 * | `UNAVAILABLE` | the service or the network failed: 5xx, timeouts, resets | yes |
 * | `CONFLICT` | somebody else changed it meanwhile | yes |
 * | `UNSUPPORTED` | this provider cannot do what was asked | no |
 * | `PENDING` | not known yet: more is coming | yes |
 * | `INVALID_CONFIG` | the configuration cannot work | no |
 * | `INVALID_RESPONSE` | the service answered something that makes no sense | yes |
 *
 * Not retryable means: tried again slowly (every ten minutes at the most), never given up.
 */
export type ProviderErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'
  | 'CONFLICT'
  | 'UNSUPPORTED'
  | 'PENDING'
  | 'INVALID_CONFIG'
  | 'INVALID_RESPONSE';

const RETRYABLE: ReadonlySet<ProviderErrorCode> = new Set([
  'RATE_LIMITED',
  'UNAVAILABLE',
  'CONFLICT',
  'PENDING',
  'INVALID_RESPONSE',
]);

const CODES: ReadonlySet<string> = new Set<ProviderErrorCode>([
  ...RETRYABLE,
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'UNSUPPORTED',
  'INVALID_CONFIG',
]);

export interface ProviderErrorOptions {
  /** Defaults to what the table of {@link ProviderErrorCode} says. */
  readonly retryable?: boolean;
  /** Milliseconds from now; NaN and what is below zero count as absent. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * The error of a provider. The message says what failed, on which thing and what to do; it never holds a value or a token.
 * Control characters in it are escaped, as names may come from the service.
 * Callers branch on `code`, never on the class: two installed copies of this package break `instanceof`.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;

  constructor(code: ProviderErrorCode, message: string, options: ProviderErrorOptions = {}) {
    super(onOneLine(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    if (options.retryAfterMs !== undefined && options.retryAfterMs >= 0) this.retryAfterMs = options.retryAfterMs;
  }
}

/** Messages name secrets, and a service may call them anything: also what moves a terminal's cursor or makes up another line. */
function onOneLine(message: string): string {
  return message.replaceAll(
    /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Whether `error` is a ProviderError, of this or of another installed copy of the package. */
export function isProviderError(error: unknown): error is ProviderError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    CODES.has(error.code) &&
    'retryable' in error
  );
}
