/** Branch on this, never on the message or the class. */
export type KubeErrorCode =
  | 'UNAUTHENTICATED' // 401, or the credentials could not be read
  | 'FORBIDDEN' // 403
  | 'NOT_FOUND' // 404; `kind` tells a missing namespace ("namespaces") from a missing object
  | 'ALREADY_EXISTS' // 409 on create
  | 'CONFLICT' // 409: another uid or resourceVersion than the request named
  | 'GONE' // 410: list again before watching
  | 'TOO_LARGE' // 413, or etcd refused the size; a Secret above 1 MiB is INVALID with the reason FieldValueTooLong
  | 'INVALID' // 422
  | 'RATE_LIMITED' // 429
  | 'BAD_REQUEST' // 400
  | 'UNAVAILABLE' // no answer, a timeout, a broken connection or 5xx: the outcome of a write is unknown
  | 'UNEXPECTED'; // any other answer

export interface KubeErrorCause {
  /** For example `data[my-key]`; never holds a value. */
  readonly field?: string;
  /** For example `FieldValueInvalid`. */
  readonly reason?: string;
}

export interface KubeErrorDetails {
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly causes?: readonly KubeErrorCause[] | undefined;
  readonly policy?: string | undefined;
  readonly policyMessage?: string | undefined;
  readonly policyParametersMissing?: boolean | undefined;
  readonly quota?: string | undefined;
  readonly terminating?: boolean | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly networkCode?: string | undefined;
}

/**
 * A request the API server refused, or that never got an answer.
 *
 * Neither the message nor any property holds text the API server wrote, except names, reasons and field paths of a
 * closed set of characters: an API error's own message may quote the data of a Secret.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: KubeErrorCode;
  /** The same request may succeed later, with nothing changed by us. */
  readonly retryable: boolean;
  /** The server asked to wait this long. */
  readonly retryAfterMs: number | undefined;
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined;
  /** `Status.reason`, for example `AlreadyExists`. */
  readonly reason: string | undefined;
  /** `Status.details.kind`: what the answer is about, for example `namespaces` or `secrets`; after a 422 `Secret`. */
  readonly kind: string | undefined;
  /** `Status.details.name`: the object the answer is about. */
  readonly objectName: string | undefined;
  readonly causes: readonly KubeErrorCause[];
  /** The ValidatingAdmissionPolicy that denied the request. */
  readonly policy: string | undefined;
  /** What that policy says, when it is one of our own texts: they start with `hikyaku: `. */
  readonly policyMessage: string | undefined;
  /** The policy denied because the object with its parameters does not exist. */
  readonly policyParametersMissing: boolean;
  /** The ResourceQuota that is used up. */
  readonly quota: string | undefined;
  /** The namespace is being deleted. */
  readonly terminating: boolean;
  /** Why there was no answer, for example `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `TIMEOUT`. */
  readonly networkCode: string | undefined;

  constructor(code: KubeErrorCode, message: string, details: KubeErrorDetails = {}) {
    super(message);
    this.code = code;
    this.terminating = details.terminating ?? false;
    this.retryable = code === 'UNAVAILABLE' || code === 'RATE_LIMITED' || this.terminating;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
    this.reason = details.reason;
    this.kind = details.kind;
    this.objectName = details.name;
    this.causes = details.causes ?? [];
    this.policy = details.policy;
    this.policyMessage = details.policyMessage;
    this.policyParametersMissing = details.policyParametersMissing ?? false;
    this.quota = details.quota;
    this.networkCode = details.networkCode;
  }
}

/** True for a KubeError of any installed copy of this package. */
export function isKubeError(error: unknown): error is KubeError {
  return error instanceof Error && error.name === 'KubeError' && 'code' in error;
}
