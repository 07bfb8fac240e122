import { createHash } from 'node:crypto';
import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock } from '@hikyaku/core';
import { Vanished } from './open-allowed.ts';

/** What one look found. Two looks with the same print saw the same files with the same content. */
export interface Look<T> {
  readonly print: string;
  readonly found: T;
}

export interface SteadyOptions extends CallOptions {
  readonly clock: Clock;
  /** The print of the last look that was accepted. */
  readonly known: string | undefined;
}

/** Between two looks: who writes a file in place does so without longer pauses, mostly. */
const SETTLE_MS = 100;
const MOST_LOOKS = 30;

/**
 * Looks until two looks in a row see the same, so that nothing half-written is taken for the whole; what is the same as
 * `known` needs no second look. Errors are looked at twice as well: a file that is being replaced may be missing for a moment.
 */
export async function lookSteadily<T>(
  look: () => Promise<Look<T>>,
  shown: string,
  { known, clock, signal }: SteadyOptions,
): Promise<Look<T>> {
  let before = known;
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    signal.throwIfAborted();
    if (looks > 0) await clock.sleep(SETTLE_MS, { signal });
    const { print, settle } = await outcomeOf(look);
    if (print !== undefined && print === before) return settle();
    before = print;
  }
  throw new ProviderError('UNAVAILABLE', `${shown} keeps changing while it is read. It is tried again`);
}

/** The print of a look that failed. */
export function printOf(error: ProviderError): string {
  return `${error.code} ${error.message}`;
}

export function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length} `).update(part);
  return hash.digest('base64url');
}

interface Outcome<T> {
  /** Absent: it changed while it was looked at. */
  readonly print?: string;
  readonly settle: () => Look<T>;
}

async function outcomeOf<T>(look: () => Promise<Look<T>>): Promise<Outcome<T>> {
  try {
    const seen = await look();
    return { print: seen.print, settle: () => seen };
  } catch (error) {
    const settle = (): never => {
      throw error;
    };
    if (error instanceof Vanished) return { settle };
    if (isProviderError(error)) return { print: printOf(error), settle };
    throw error;
  }
}
