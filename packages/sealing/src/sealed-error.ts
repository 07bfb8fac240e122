/**
 * | code | means |
 * | --- | --- |
 * | `DAMAGED` | it is no age file, cut off, or was changed since it was sealed |
 * | `NOT_FOR_THIS_KEY` | none of the identities opens it |
 * | `UNBOUND` | it says nothing about where it may be used |
 * | `INVALID_KEY` | a recipient or an identity is not one |
 */
export type SealedErrorCode = 'DAMAGED' | 'NOT_FOR_THIS_KEY' | 'UNBOUND' | 'INVALID_KEY';

/** The message never holds a value, an identity or a part of either. */
export class SealedError extends Error {
  override readonly name = 'SealedError';
  readonly code: SealedErrorCode;

  constructor(code: SealedErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
