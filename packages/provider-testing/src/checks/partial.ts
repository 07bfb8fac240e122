import { isProviderError } from '@hikyaku/core';
import type { ReadRequest, Snapshot } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError, describeId } from '../describe.ts';
import { expectNotAbsent, expectUnknown, expectValue } from '../expect-snapshot.ts';
import { randomText } from '../sample.ts';
import type { Trial } from '../trial.ts';

const contract =
  '`Snapshot.unknown` in @hikyaku/core: what could not be read now; what was last known of it stays in use';
const progress =
  '`ReadRequest.progress` in @hikyaku/core: what is known so far, the rest in `unknown` as PENDING; with `all` only once every name is known';

/** Some of it is known. */
export const partial: readonly Claim[] = [
  {
    title: 'partial: one secret that cannot be read is unknown, and the others are read',
    needs: ['set', 'unreadable'],
    contract,
    async run(trial) {
      const { name, bytes } = trial.present;
      const other = trial.spare(1);
      await trial.set(other, randomText());
      await trial.fixture.unreadable?.(other);
      const connection = await trial.connect();
      const snapshot = await connection.readNames([other, name]);
      expectValue(snapshot, name, bytes);
      expectUnknown(snapshot, other);
    },
  },
  {
    title: 'partial: one secret that cannot be read is not absent from everything',
    needs: ['all', 'set', 'unreadable'],
    contract,
    async run(trial) {
      const other = trial.spare(1);
      await trial.set(other, randomText());
      const connection = await trial.connect();
      const before = await connection.readAll();
      // So that what is known of it does not answer.
      await trial.set(other, randomText());
      await trial.fixture.unreadable?.(other);
      const snapshot = await connection.readAll(before);
      expectNotAbsent(snapshot, other);
      expectValue(snapshot, trial.present.name, trial.present.bytes);
    },
  },
  {
    title: 'partial: a secret that can be read again is read',
    needs: ['set', 'unreadable', 'recover'],
    contract,
    async run(trial) {
      const other = trial.spare(1);
      const bytes = await trial.set(other, randomText());
      await trial.fixture.unreadable?.(other);
      const connection = await trial.connect();
      const before = await connection.readNames([other, trial.present.name]);
      await trial.recover();
      expectValue(await connection.readNames([other, trial.present.name], before), other, bytes);
    },
  },
  {
    title: 'progress: what a read by name hands over meanwhile leaves no name out, and no value wrong',
    needs: ['progress'],
    contract: progress,
    async run(trial) {
      await checkProgress(trial, { refs: [{ name: trial.present.name }] }, [trial.present.name]);
    },
  },
  {
    title: 'progress: what a read of everything hands over meanwhile leaves no name out, and no value wrong',
    needs: ['progress', 'all'],
    contract: progress,
    async run(trial) {
      await checkProgress(trial, { all: true }, (await trial.fixture.all?.()) ?? []);
    },
  },
];

async function checkProgress(trial: Trial, request: Partial<ReadRequest>, names: readonly string[]): Promise<void> {
  const handed: Snapshot[] = [];
  const connection = await trial.connect();
  const end = await connection.read({
    ...request,
    progress: ({ secrets, unknown, ...rest }) =>
      void handed.push({ ...rest, secrets: new Map(secrets), unknown: new Map(unknown) }),
  });
  for (const snapshot of handed) {
    for (const name of names) {
      expectNotAbsent(snapshot, name);
      const [now, then] = [snapshot.secrets.get(name), end.secrets.get(name)];
      if (now !== undefined && then !== undefined) expectValue(snapshot, name, then.value.reveal());
    }
    for (const [id, error] of snapshot.unknown ?? []) {
      if (isProviderError(error) && (error.code === 'PENDING' || end.unknown?.has(id) === true)) continue;
      throw new ContractFailure({
        got: `${describeId(id)}, which was read later on, was handed over as ${describeError(error)}`,
        expected: 'PENDING',
      });
    }
  }
}
