import type { Claim } from '../check.ts';
import { expectAbsent, expectValue } from '../expect-snapshot.ts';
import { randomText } from '../sample.ts';

const contract = '`SecretRef.name` in @hikyaku/core: opaque text, which comes back as it was asked for';

/** Names that are hard to put into a url, a file name or an object. */
export const names: readonly Claim[] = [
  {
    title: 'names: unusual names are read',
    needs: ['names', 'set'],
    contract,
    async run(trial) {
      const wanted = new Map<string, Uint8Array>();
      for (const name of trial.fixture.names ?? []) wanted.set(name, await trial.set(name, randomText()));
      const connection = await trial.connect();
      const snapshot = await connection.readNames([...wanted.keys()]);
      for (const [name, bytes] of wanted) expectValue(snapshot, name, bytes);
    },
  },
  {
    title: 'names: unusual names are part of everything',
    needs: ['names', 'set', 'all'],
    contract,
    async run(trial) {
      const wanted = new Map<string, Uint8Array>();
      for (const name of trial.fixture.names ?? []) wanted.set(name, await trial.set(name, randomText()));
      const connection = await trial.connect();
      const snapshot = await connection.readAll();
      for (const [name, bytes] of wanted) expectValue(snapshot, name, bytes);
    },
  },
  {
    title: 'names: unusual names that nobody has are absent',
    needs: ['names'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const known = new Set(await trial.fixture.all?.());
      for (const name of trial.fixture.names ?? []) {
        if (known.has(name)) continue;
        const snapshot = await connection.readNames([name, trial.present.name]);
        expectAbsent(snapshot, name);
        expectValue(snapshot, trial.present.name, trial.present.bytes);
      }
    },
  },
];
