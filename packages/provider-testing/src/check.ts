import type { ContractFailure } from './contract-failure.ts';
import type { Need } from './fixture.ts';
import type { Trial } from './trial.ts';

/** One claim of the contract, as the files of `checks` write it down. */
export interface Claim {
  /** Begins with its topic: `absence: a name that nobody has is in neither map`. */
  readonly title: string;
  /** What it cannot be checked without. */
  readonly needs?: readonly Need[];
  /** What the contract says, and where; the last line of a failure. */
  readonly contract: string;
  /** Throws a {@link ContractFailure} when the claim is false, {@link NotChecked} when it cannot be told. */
  run(trial: Trial): Promise<void>;
}

/** It turned out that a claim cannot be checked here. */
export class NotChecked extends Error {
  override readonly name = 'NotChecked';
}

/** A claim about one provider, ready to be run. */
export interface Check {
  readonly title: string;
  readonly needs: readonly Need[];
  /** What it is left out for, where `without` says so; `run` then does nothing. */
  readonly leftOut?: Need;
  /** Never rejects. The signal stops it. */
  run(signal?: AbortSignal): Promise<CheckResult>;
}

export type CheckResult =
  | { readonly title: string; readonly outcome: 'passed' }
  | { readonly title: string; readonly outcome: 'failed'; readonly error: ContractFailure }
  | { readonly title: string; readonly outcome: 'not checked'; readonly reason: string; readonly need?: Need };
