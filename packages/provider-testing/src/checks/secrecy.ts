import type { Snapshot } from '@hikyaku/core';
import { NotChecked } from '../check.ts';
import type { Claim } from '../check.ts';
import type { Connection } from '../connection.ts';
import { ContractFailure } from '../contract-failure.ts';
import { failures, FAULTS } from '../faults.ts';
import type { Fault } from '../fixture.ts';
import { canBeSearched, createLeakFinder } from '../leak-finder.ts';
import { randomText } from '../sample.ts';
import type { Trial } from '../trial.ts';
import { put } from './writing.ts';

const contract =
  '`ProviderError` and `Logger` in @hikyaku/core: no message, stack, cause or log line holds a value or a credential, in no encoding';

/** Values and credentials are seen by nobody. */
export const secrecy: readonly Claim[] = [
  {
    title: 'secrecy: a snapshot prints no value',
    contract: '`SecretValue` and `Snapshot.revision` in @hikyaku/core',
    async run(trial) {
      expectSearchable(trial);
      const snapshot = await (await trial.connect()).readNames([trial.present.name]);
      expectNoLeaks(trial, [['the snapshot', { ...snapshot }]]);
    },
  },
  {
    title: 'secrecy: the description holds no credential',
    contract: '`SourceDescription.identity` in @hikyaku/core: no credential; it is stored and shown',
    async run(trial) {
      const { description } = await trial.connect();
      expectNoLeaks(trial, [['the description', description]]);
    },
  },
  {
    title: 'secrecy: while all is well, the log holds no value and no credential',
    contract,
    async run(trial) {
      expectSearchable(trial);
      const connection = await trial.connect();
      const previous = await connection.readNames([trial.present.name, trial.spare(0)]);
      await connection.readNames([trial.present.name], previous);
      const all = await connection.tryRead({ all: true });
      await connection.tryList();
      expectNoLeaks(trial, [['the error of a read of everything', 'error' in all ? all.error : undefined]]);
    },
  },
  {
    title: 'secrecy: writes that work and writes that are refused show no value',
    needs: ['write'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const name = trial.spare(1);
      const shown: Shown[] = [];
      const stale = 'hikyaku-no-such-version';
      for (const change of [put(name), { ...put(name), ifVersion: null }, { ...put(name), ifVersion: stale }]) {
        const outcome = await connection.tryWrite([change]);
        shown.push(['the outcome of a write', outcome]);
      }
      expectNoLeaks(trial, shown);
    },
  },
  ...failures.map((fault): Claim => ({
    title: `secrecy: the errors and the log of ${FAULTS[fault].text} hold no value and no credential`,
    needs: [`faults.${fault}`],
    contract,
    run: (trial) => checkFault(trial, fault),
  })),
];

type Shown = readonly [what: string, shown: unknown];

async function checkFault(trial: Trial, fault: Fault): Promise<void> {
  if (trial.fixture.set !== undefined) await trial.set(trial.spare(1), randomText());
  const refs = [{ name: trial.present.name }, { name: trial.spare(1) }];
  const used = await trial.connect();
  const previous = await used.read({ refs });
  await trial.begin(fault);
  const shown: Shown[] = [];
  for (const connection of [used, await trial.connect()]) {
    shown.push(...(await failInAllWays(connection, { refs, ...(connection === used && { previous }) })));
    if (connection.client.write === undefined) continue;
    shown.push(['the outcome of a write', await connection.tryWrite([put(trial.spare(2))])]);
  }
  expectNoLeaks(trial, shown);
}

async function failInAllWays(
  connection: Connection,
  request: Parameters<Connection['tryRead']>[0],
): Promise<readonly Shown[]> {
  return [
    ['the error of a read by name', errorsOf(await connection.tryRead(request))],
    ['the error of a read of everything', errorsOf(await connection.tryRead({ all: true }))],
    ['the outcome of a list', await connection.tryList()],
  ];
}

function errorsOf(outcome: Awaited<ReturnType<Connection['tryRead']>>): unknown {
  if ('error' in outcome) return outcome.error;
  const { unknown }: Snapshot = outcome.value;
  return [...(unknown ?? [])];
}

function expectSearchable({ present, fixture }: Trial): void {
  if (canBeSearched(present.bytes) || Object.keys(fixture.credentials ?? {}).length > 0) return;
  throw new NotChecked('the value of `present` is too short to be searched for: give one of at least 8 characters');
}

/** In what is given, and in all that was logged. */
function expectNoLeaks(trial: Trial, shown: readonly Shown[]): void {
  const findLeaks = createLeakFinder(trial.hidden());
  const lines = trial.connections.flatMap(({ context }) => context.logged);
  const logged = lines.map(({ message, fields }): Shown => [`the log line '${message}'`, { message, ...fields }]);
  for (const [what, value] of [...shown, ...logged]) {
    const [leak] = findLeaks(value);
    if (leak === undefined) continue;
    throw new ContractFailure({
      got: `in ${what}, ${leak}`,
      expected:
        'names, statuses and what to do; never what another program has said, for it may quote a value. A cause is printed too',
    });
  }
}
