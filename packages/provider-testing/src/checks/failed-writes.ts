import { isProviderError } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError } from '../describe.ts';
import { FAULTS } from '../faults.ts';
import type { Fault } from '../fixture.ts';
import type { Trial } from '../trial.ts';
import { expectAsTold, put } from './writing.ts';

/** Those that can befall a write; the others are about answers to reads. */
const OF_WRITES: readonly Fault[] = ['unauthenticated', 'forbidden', 'rateLimited', 'unavailable', 'hang', 'reset'];

/** The service fails while something is written. */
export const failedWrites: readonly Claim[] = OF_WRITES.map((fault) => ({
  title: `writing: during ${FAULTS[fault].text}, nothing is done unseen and nothing is said that was not done`,
  needs: ['write', `faults.${fault}`, 'recover'],
  contract:
    '`SecretsClient.write` in @hikyaku/core: a result says what was done with its change; a thrown error means that the outcome is unknown',
  run: (trial) => checkWrite(trial, fault),
}));

async function checkWrite(trial: Trial, fault: Fault): Promise<void> {
  const connection = await trial.connect();
  const changes = [put(trial.spare(1)), put(trial.spare(2))];
  await trial.begin(fault);
  const outcome = await connection.tryWrite(changes);
  const errors = 'error' in outcome ? [outcome.error] : outcome.value.flatMap(({ error }) => error ?? []);
  for (const error of errors) {
    if (isProviderError(error) && FAULTS[fault].codes.includes(error.code)) continue;
    throw new ContractFailure({
      got: `a write met ${FAULTS[fault].text} and failed with ${describeError(error)}`,
      expected: `a ProviderError ${FAULTS[fault].codes.join(' or ')}`,
      cause: error,
    });
  }
  await trial.recover();
  if ('error' in outcome) return;
  // What a client remembers of the fault is not the question here.
  await expectAsTold(await trial.connect(), changes, outcome.value);
}
