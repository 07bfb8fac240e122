import { randomBytes } from 'node:crypto';
import type { Claim } from '../check.ts';
import { expectValue } from '../expect-snapshot.ts';
import { allBytes } from '../sample.ts';

const contract = '`SecretValue` in @hikyaku/core: bytes, as they are at the service';

/** Values as a person has put them there. */
export const values: readonly Claim[] = [
  {
    title: 'values: text arrives byte for byte',
    needs: ['set'],
    contract,
    async run(trial) {
      const wanted = new Map<string, Uint8Array>();
      for (const [index, text] of trial.texts.entries()) {
        const name = trial.spare(index + 1);
        wanted.set(name, await trial.set(name, text));
      }
      const connection = await trial.connect();
      const snapshot = await connection.readNames([...wanted.keys()]);
      for (const [name, bytes] of wanted) expectValue(snapshot, name, bytes);
    },
  },
  {
    title: 'values: an empty value is a value',
    needs: ['set', 'empty'],
    contract: `${contract}; empty is not absent`,
    async run(trial) {
      const name = trial.spare(1);
      const bytes = await trial.set(name, '');
      const connection = await trial.connect();
      expectValue(await connection.readNames([name]), name, bytes);
    },
  },
  {
    title: 'values: bytes that are no text arrive byte for byte',
    needs: ['set', 'binary'],
    contract,
    async run(trial) {
      const name = trial.spare(1);
      const bytes = await trial.set(name, allBytes());
      const connection = await trial.connect();
      expectValue(await connection.readNames([name]), name, bytes);
    },
  },
  {
    title: 'values: the largest value arrives',
    needs: ['set', 'largest'],
    contract,
    async run(trial) {
      const name = trial.spare(1);
      const size = trial.fixture.largest ?? 0;
      const bytes = await trial.set(name, randomBytes(size).toString('base64').slice(0, size));
      const connection = await trial.connect();
      expectValue(await connection.read({ refs: [{ name }] }, 'real'), name, bytes);
    },
  },
];
