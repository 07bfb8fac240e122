import type { CallOptions, SecretValue } from '@hikyaku/core';

/** Where Secrets are pushed from. */
export interface PushOrigin {
  /** The Secret as it is now; never throws but for the signal. */
  read(secret: OriginSecret, options: CallOptions): Promise<OriginState>;
  /**
   * Yields when the Secret may have changed, from now on. Returning means: not offered for this one, look now and then.
   * Throwing means: watch again later.
   */
  watch(secret: OriginSecret, options: CallOptions): AsyncIterable<void>;
}

export interface OriginSecret {
  readonly namespace: string;
  readonly name: string;
}

/** Only a Secret that lives and was read completely has `data`; all else is a reason to change nothing. */
export type OriginState =
  | { readonly data: ReadonlyMap<string, SecretValue>; readonly problem?: undefined }
  | { readonly problem: OriginProblem; readonly data?: undefined };

/**
 * | code | means |
 * | --- | --- |
 * | `ABSENT` | there is no such Secret, or it is being deleted |
 * | `EMPTY` | it has no keys |
 * | `FORBIDDEN` | this account may not read it |
 * | `REFUSED` | it is of a kind that is never pushed |
 * | `NOT_GRANTED` | the grants do not allow this push |
 * | `UNAVAILABLE` | it could not be read now |
 */
export interface OriginProblem {
  readonly code: 'ABSENT' | 'EMPTY' | 'FORBIDDEN' | 'REFUSED' | 'NOT_GRANTED' | 'UNAVAILABLE';
  /** What is wrong, on which Secret, and what to do. */
  readonly message: string;
  readonly retryAfterMs?: number;
}
