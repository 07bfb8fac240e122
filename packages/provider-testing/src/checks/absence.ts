import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeEntry } from '../describe.ts';
import { expectAbsent, expectValue } from '../expect-snapshot.ts';
import { randomText } from '../sample.ts';

const contract =
  '`Snapshot` in @hikyaku/core: asked for and in neither map means that it does not exist. That is an answer, not an error';

/** What is not there is said to be not there, and nothing else is. */
export const absence: readonly Claim[] = [
  {
    title: 'absence: a name that nobody has is in neither map',
    contract,
    async run(trial) {
      const connection = await trial.connect();
      expectAbsent(await connection.readNames([trial.spare(0)]), trial.spare(0));
    },
  },
  {
    title: 'absence: a name that nobody has takes nothing away from the others',
    contract,
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      for (const names of [
        [trial.spare(0), name],
        [name, trial.spare(0)],
      ])
        expectValue(await connection.readNames(names), name, bytes);
    },
  },
  {
    title: 'absence: names such as __proto__ and constructor are names',
    contract,
    async run(trial) {
      const connection = await trial.connect();
      for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        const snapshot = await connection.readNames([name, trial.present.name]);
        if (!snapshot.secrets.has(name)) continue;
        throw new ContractFailure({
          got: `'${name}' is ${describeEntry(snapshot, name)}`,
          expected:
            'in neither map, or in `unknown` where the service allows no such name. Use a Map, or Object.hasOwn',
        });
      }
    },
  },
  {
    title: 'absence: what was absent is found once it is there',
    needs: ['set'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const name = trial.spare(1);
      const before = await connection.readNames([name]);
      const bytes = await trial.set(name, randomText());
      expectValue(await connection.readNames([name], before), name, bytes);
    },
  },
];
