import { ProviderError } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { expectAbsent, expectValue } from '../expect-snapshot.ts';
import { randomText } from '../sample.ts';
import { storedCopy } from '../stored-copy.ts';

const same = '`SecretsClient.read` in @hikyaku/core: returns `request.previous` itself when nothing changed';
const previous =
  '`ReadRequest.previous` in @hikyaku/core: what the last read returned or handed over, also before a restart';

/** What was known before: returned itself while it holds, and never trusted for more than it says. */
export const unchanged: readonly Claim[] = [
  {
    title: 'unchanged: a second read by name returns the previous snapshot itself',
    contract: same,
    async run(trial) {
      const connection = await trial.connect();
      const names = [trial.present.name, trial.spare(0)];
      const first = await connection.readNames(names);
      expectSame(await connection.readNames(names, first), first);
      expectSame(await connection.readNames(names, first), first);
    },
  },
  {
    title: 'unchanged: a second read of everything returns the previous snapshot itself',
    needs: ['all'],
    contract: same,
    async run(trial) {
      const connection = await trial.connect();
      const first = await connection.readAll();
      expectSame(await connection.readAll(first), first);
    },
  },
  {
    title: 'unchanged: after a restart, a read by name returns the stored snapshot itself',
    contract: `${same}; a stored one has equal content and new objects`,
    async run(trial) {
      const { name } = trial.present;
      const stored = storedCopy(await (await trial.connect()).readNames([name]));
      const restarted = await trial.connect();
      expectSame(await restarted.readNames([name], stored), stored);
      expectSame(await restarted.readNames([name], stored), stored);
    },
  },
  {
    title: 'unchanged: after a restart, a read of everything returns the stored snapshot itself',
    needs: ['all'],
    contract: `${same}; a stored one has equal content and new objects`,
    async run(trial) {
      const stored = storedCopy(await (await trial.connect()).readAll());
      const restarted = await trial.connect();
      expectSame(await restarted.readAll(stored), stored);
    },
  },
  {
    title: 'unchanged: what a stored snapshot lacks is read',
    contract: `${previous}. Without a revision it may lack what is asked for now`,
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      expectValue(await connection.readNames([name], { secrets: new Map() }), name, bytes);
      expectValue(await connection.readNames([name], { secrets: new Map() }), name, bytes);
    },
  },
  {
    title: 'unchanged: what a partial snapshot has as PENDING is read',
    contract: `${previous}. Handed over in the middle of a read, it has the rest in \`unknown\`, as PENDING`,
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      const unknown = new Map([[name, new ProviderError('PENDING', 'not read yet')]]);
      expectValue(await connection.readNames([name], { secrets: new Map(), unknown }), name, bytes);
    },
  },
  {
    title: 'unchanged: a revision that means nothing is not believed',
    contract: `${previous}. A revision may be from another version of the provider`,
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      for (const revision of ['', 'no revision of this provider', 'a\r\nb: c', '"*"'])
        expectValue(await connection.readNames([name], { secrets: new Map(), revision }), name, bytes);
    },
  },
  {
    title: 'unchanged: a change while the agent was down is seen',
    needs: ['set'],
    contract: previous,
    async run(trial) {
      const name = trial.spare(1);
      await trial.set(name, randomText());
      const stored = storedCopy(await (await trial.connect()).readNames([name]));
      const bytes = await trial.set(name, randomText());
      expectValue(await (await trial.connect()).readNames([name], stored), name, bytes);
    },
  },
  {
    title: 'unchanged: a removal while the agent was down is seen',
    needs: ['set', 'remove'],
    contract: previous,
    async run(trial) {
      const name = trial.spare(1);
      await trial.set(name, randomText());
      const stored = storedCopy(await (await trial.connect()).readNames([name]));
      await trial.fixture.remove?.(name);
      expectAbsent(await (await trial.connect()).readNames([name], stored), name);
    },
  },
  {
    title: 'unchanged: a snapshot that was returned stays as it is',
    needs: ['set'],
    contract: '`Snapshot` in @hikyaku/core is read-only: the agent compares it with the next one',
    async run(trial) {
      const name = trial.spare(1);
      const connection = await trial.connect();
      const old = await trial.set(name, randomText());
      const first = await connection.readNames([name]);
      await trial.set(name, randomText());
      await connection.readNames([name], first);
      expectValue(first, name, old);
    },
  },
];

function expectSame(snapshot: Snapshot, before: Snapshot): void {
  if (snapshot === before) return;
  throw new ContractFailure({
    got: 'another snapshot, though nothing has changed',
    expected:
      'the very object that was given as `previous`: compare what was read with it, value by value, and return it when all is equal',
  });
}
