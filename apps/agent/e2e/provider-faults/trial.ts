import type { ProviderErrorCode } from '@hikyaku/core';

/** Two secrets, by name. */
export interface Values {
  readonly FIRST: string;
  readonly SECOND: string;
}

/** One source, with what is to go wrong with it. */
export interface Trial extends AsyncDisposable {
  /** Of the source: `sakura-401`. */
  readonly name: string;
  /** Under `providers`. */
  readonly settings: object;
  /** With its credentials. */
  readonly env?: Readonly<Record<string, string>>;
  /** What of them nobody may see; random. */
  readonly credentials?: readonly string[];
  /** Which of its secrets are meant; everything by default. */
  readonly dataFrom?: object;
  /** Of the error that the log tells then. */
  readonly code: ProviderErrorCode;
  /** From now on it goes wrong; what is kept there, where that can still change, is this. */
  readonly begin: (values: Values) => Promise<void> | void;
  /** All is well again, and what is kept there is this. */
  readonly end: (values: Values) => Promise<void> | void;
}

/** What goes wrong with a `Place`. */
export interface Fault<Place> {
  readonly code: ProviderErrorCode;
  readonly begin: (place: Place) => Promise<void> | void;
  /** Beside what ends every fault. */
  readonly end?: (place: Place) => Promise<void> | void;
}

export const FOR_GOOD = { times: Number.POSITIVE_INFINITY };

/** Of an environment. */
export function variableFor(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
