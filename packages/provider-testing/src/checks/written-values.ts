import type { Claim } from '../check.ts';
import { expectValue } from '../expect-snapshot.ts';
import { allBytes } from '../sample.ts';
import type { Trial } from '../trial.ts';
import { expectApplied, put } from './writing.ts';

const contract = '`SecretValue` in @hikyaku/core: bytes, which arrive at the service as they are';

/** Values and names on their way to the service. */
export const writtenValues: readonly Claim[] = [
  {
    title: 'writing: text is kept byte for byte',
    needs: ['write'],
    contract,
    run: (trial) => writeAndRead(trial, trial.texts),
  },
  {
    title: 'writing: an empty value is a value',
    needs: ['write', 'empty'],
    contract,
    run: (trial) => writeAndRead(trial, ['']),
  },
  {
    title: 'writing: bytes that are no text are kept byte for byte',
    needs: ['write', 'binary'],
    contract,
    run: (trial) => writeAndRead(trial, [allBytes()]),
  },
  {
    title: 'writing: unusual names are written and removed',
    needs: ['write', 'names'],
    contract: '`SecretChange.name` in @hikyaku/core: opaque text',
    async run(trial) {
      const connection = await trial.connect();
      const changes = (trial.fixture.names ?? []).map((name) => put(name));
      expectApplied(await connection.write(changes));
      const snapshot = await connection.readNames(changes.map(({ name }) => name));
      for (const { name, value } of changes) expectValue(snapshot, name, value.reveal());
      expectApplied(await connection.write(changes.map(({ name }) => ({ name, remove: true }))));
    },
  },
];

async function writeAndRead(trial: Trial, values: readonly (string | Uint8Array)[]): Promise<void> {
  const connection = await trial.connect();
  const changes = values.map((value, index) => put(trial.spare(index + 1), value));
  expectApplied(await connection.write(changes));
  const snapshot = await connection.readNames(changes.map(({ name }) => name));
  for (const { name, value } of changes) expectValue(snapshot, name, value.reveal());
}
