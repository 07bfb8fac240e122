import { refId } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeEntry, describeId } from '../describe.ts';
import type { Fixture } from '../fixture.ts';
import { expectValue } from '../expect-snapshot.ts';
import { bytesOf, sameBytes } from '../sample.ts';
import type { Trial } from '../trial.ts';

const contract =
  '`SecretRef.version` and `refId` in @hikyaku/core: a pinned version is that version or nothing, under its own key';

/** Versions named in the config. */
export const pins: readonly Claim[] = [
  {
    title: 'pins: a pinned version is that version',
    needs: ['pinned'],
    contract,
    async run(trial) {
      const { name, version, value } = pinnedOf(trial);
      const connection = await trial.connect();
      expectValue(await connection.read({ refs: [{ name, version }] }), refId({ name, version }), bytesOf(value));
    },
  },
  {
    title: 'pins: the latest version stays the latest beside a pinned one',
    needs: ['pinned'],
    contract,
    async run(trial) {
      const { name, version, value } = pinnedOf(trial);
      const connection = await trial.connect();
      const snapshot = await connection.read({ refs: [{ name, version }, { name }] });
      const latest = snapshot.secrets.get(name);
      if (latest !== undefined && !sameBytes(latest.value.reveal(), bytesOf(value))) return;
      throw new ContractFailure({
        got:
          latest === undefined
            ? `the latest version of '${name}' is ${describeEntry(snapshot, name)}`
            : `the latest version of '${name}' has the value of the pinned one`,
        expected: 'its own value',
      });
    },
  },
  {
    title: 'pins: a second read returns the previous snapshot itself',
    needs: ['pinned'],
    contract,
    async run(trial) {
      const { name, version } = pinnedOf(trial);
      const connection = await trial.connect();
      const refs = [{ name, version }, { name }];
      const previous = await connection.read({ refs });
      if ((await connection.read({ refs, previous })) === previous) return;
      throw new ContractFailure({ got: 'another snapshot', expected: 'the very object that was given as `previous`' });
    },
  },
  {
    title: 'pins: a version that is not there is never another one, and takes no other secret with it',
    contract,
    async run(trial) {
      const { name, bytes } = trial.present;
      const pin = { name, version: 'hikyaku-no-such-version' };
      const connection = await trial.connect();
      const snapshot = await connection.read({ refs: [pin, { name }] });
      if (snapshot.secrets.has(refId(pin))) {
        throw new ContractFailure({
          got: `${describeId(refId(pin))} is ${describeEntry(snapshot, refId(pin))}`,
          expected: 'in neither map; or in `unknown`, as UNSUPPORTED, where there are no versions to pin',
        });
      }
      expectValue(snapshot, name, bytes);
    },
  },
];

function pinnedOf({ fixture }: Trial): NonNullable<Fixture['pinned']> {
  if (fixture.pinned === undefined) throw new TypeError('checked before: the fixture has it');
  return fixture.pinned;
}
