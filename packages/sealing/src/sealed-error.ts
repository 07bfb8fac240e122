/**
 * | code | means |
 * | --- | --- |
 * | `DAMAGED` | it is no age file, cut off, or was changed since it was sealed |
 * | `NOT_FOR_THIS_KEY` | none of the identities opens it |
 * | `UNBOUND` | it says nothing about where it may be used |
 * | `BOUND_ELSEWHERE` | it may be used, but not here |
 * | `INVALID_KEY` | a recipient, an identity or a passphrase is not one, or they do not go together |
 * | `INVALID_BINDING` | what it is to be sealed for cannot be said: no origin, no certificate |
 * | `TOO_LARGE` | the value, or what is to be written beside it, is larger than what can be opened again |
 */
export type SealedErrorCode = (typeof CODES)[number];

const CODES = [
  'DAMAGED',
  'NOT_FOR_THIS_KEY',
  'UNBOUND',
  'BOUND_ELSEWHERE',
  'INVALID_KEY',
  'INVALID_BINDING',
  'TOO_LARGE',
] as const;

/** The message never holds a value, an identity or a part of either, nor text that nobody has checked. */
export class SealedError extends Error {
  override readonly name = 'SealedError';
  readonly code: SealedErrorCode;

  constructor(code: SealedErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function isSealedErrorCode(code: unknown): code is SealedErrorCode {
  return CODES.some((known) => known === code);
}
