import type { Provider } from '@hikyaku/core';
import { NotChecked } from './check.ts';
import type { Check, CheckResult, Claim } from './check.ts';
import { claims } from './checks/index.ts';
import { ContractFailure } from './contract-failure.ts';
import { describeError } from './describe.ts';
import type { Need, Setup } from './fixture.ts';
import { absenceOf } from './needs.ts';
import { Trial } from './trial.ts';

/** What this provider or its service cannot have, and why. */
export type Without = Readonly<Partial<Record<Need, string>>>;

export interface SuiteOptions {
  /**
   * What this provider or its service cannot have, and why: checks that need it are left out. It is an error when it is there
   * after all. Without a word here, a check whose hook is absent is skipped by the runner, with the reason.
   */
  readonly without?: Without;
}

/** The checks of a provider, for a runner of your own. */
export function collectChecks(provider: Provider, setup: Setup, { without = {} }: SuiteOptions = {}): readonly Check[] {
  return claims.map((claim) => {
    const { title, needs = [] } = claim;
    const [leftOut] = needs.filter((need) => reasonOf(without, need) !== undefined);
    if (leftOut === undefined) return { title, needs, run: (signal) => runClaim(claim, provider, setup, signal) };
    const reason = reasonOf(without, leftOut) ?? '';
    return { title, needs, leftOut, run: async () => ({ title, outcome: 'not checked', need: leftOut, reason }) };
  });
}

function reasonOf(without: Without, need: Need): string | undefined {
  return without[need] ?? (need.startsWith('faults.') ? without.faults : undefined);
}

/** Runs the checks one after the other and yields each result as it comes. Rejects with the signal's reason when it aborts. */
export async function* runChecks(
  provider: Provider,
  setup: Setup,
  { signal, ...options }: SuiteOptions & { readonly signal?: AbortSignal } = {},
): AsyncGenerator<CheckResult, void, void> {
  for (const check of collectChecks(provider, setup, options)) {
    signal?.throwIfAborted();
    const result = await check.run(signal);
    signal?.throwIfAborted();
    yield result;
  }
}

async function runClaim(
  claim: Claim,
  provider: Provider,
  setup: Setup,
  signal: AbortSignal | undefined,
): Promise<CheckResult> {
  const { title, needs = [] } = claim;
  try {
    await using trial = await Trial.open(provider, setup, signal);
    for (const need of needs) {
      if (!(await trial.has(need))) return { title, outcome: 'not checked', need, reason: absenceOf(need) };
    }
    await claim.run(trial);
    return { title, outcome: 'passed' };
  } catch (thrown) {
    // What failed while it was cleaned up says less than what failed before.
    const error: unknown = thrown instanceof SuppressedError ? thrown.suppressed : thrown;
    if (error instanceof NotChecked) return { title, outcome: 'not checked', reason: error.message };
    return { title, outcome: 'failed', error: toFailure(error, claim) };
  }
}

function toFailure(error: unknown, { contract }: Claim): ContractFailure {
  if (error instanceof ContractFailure) {
    const { got, expected, cause } = error;
    return new ContractFailure({ got, expected, contract, cause });
  }
  return new ContractFailure({
    got: `it was rejected with ${describeError(error)}`,
    expected: 'no error here',
    contract,
    cause: error,
  });
}
