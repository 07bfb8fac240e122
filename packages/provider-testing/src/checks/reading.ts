import { isProviderError } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError, describeId } from '../describe.ts';
import { expectAbsent, expectValue } from '../expect-snapshot.ts';
import { randomText } from '../sample.ts';

const contract = '`ReadRequest` and `Snapshot` in @hikyaku/core';

/** A service that works, read by name and as a whole. */
export const reading: readonly Claim[] = [
  {
    title: 'reading: a secret is read by its name',
    contract,
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      expectValue(await connection.readNames([name]), name, bytes);
    },
  },
  {
    title: 'reading: a snapshot is two maps, of values and of errors',
    contract: `${contract}: \`secrets\` holds SecretValues by refId, \`unknown\` holds ProviderErrors, and nothing is in both`,
    async run(trial) {
      const connection = await trial.connect();
      const problems = problemsOf(await connection.readNames([trial.present.name, trial.spare(0)]));
      if (problems.length === 0) return;
      throw new ContractFailure({ got: problems.join('; '), expected: 'a Snapshot' });
    },
  },
  {
    title: 'reading: each name of a read gets its own value',
    needs: ['set'],
    contract,
    async run(trial) {
      const names = [1, 2, 3].map((number) => trial.spare(number));
      const values = new Map<string, Uint8Array>();
      for (const name of names) values.set(name, await trial.set(name, randomText()));
      const connection = await trial.connect();
      const snapshot = await connection.readNames([trial.present.name, ...names.toReversed()]);
      expectValue(snapshot, trial.present.name, trial.present.bytes);
      for (const [name, bytes] of values) expectValue(snapshot, name, bytes);
    },
  },
  {
    title: 'reading: everything is exactly what there is',
    needs: ['all'],
    contract: `${contract}: with \`all\`, a name that is in neither map counts as gone, and a name too many gets into Secrets`,
    async run(trial) {
      const connection = await trial.connect();
      const snapshot = await connection.readAll();
      expectExactly(snapshot, (await trial.fixture.all?.()) ?? []);
      expectValue(snapshot, trial.present.name, trial.present.bytes);
    },
  },
  {
    title: 'reading: everything and some names at once is both',
    needs: ['all'],
    contract: `${contract}: \`all\` is wanted besides \`refs\``,
    async run(trial) {
      const connection = await trial.connect();
      const refs = [{ name: trial.spare(0) }, { name: trial.present.name }];
      const snapshot = await connection.read({ all: true, refs });
      expectExactly(snapshot, (await trial.fixture.all?.()) ?? []);
      expectAbsent(snapshot, trial.spare(0));
    },
  },
  {
    title: 'reading: of everything, what is wanted is there',
    needs: ['all'],
    contract: '`ReadRequest.wants` in @hikyaku/core: only what does not matter may be left out',
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      const snapshot = await connection.read({ all: true, wants: (asked) => asked === name });
      expectValue(snapshot, name, bytes);
    },
  },
  {
    title: 'reading: everything is read, or refused with UNSUPPORTED',
    contract: `${contract}: a provider that cannot list says UNSUPPORTED; an empty answer would say that nothing is there`,
    async run(trial) {
      const connection = await trial.connect();
      const outcome = await connection.tryRead({ all: true });
      if ('value' in outcome) expectValue(outcome.value, trial.present.name, trial.present.bytes);
      else if (!isProviderError(outcome.error) || outcome.error.code !== 'UNSUPPORTED') {
        throw new ContractFailure({
          got: `a read of everything was rejected with ${describeError(outcome.error)}`,
          expected: 'everything, or UNSUPPORTED',
        });
      }
    },
  },
  {
    title: 'reading: a change is seen by the next read',
    needs: ['set'],
    contract,
    async run(trial) {
      const name = trial.spare(1);
      const connection = await trial.connect();
      await trial.set(name, randomText());
      const before = await connection.readNames([name]);
      const bytes = await trial.set(name, randomText());
      expectValue(await connection.readNames([name], before), name, bytes);
    },
  },
  {
    title: 'reading: a removal is seen by the next read',
    needs: ['set', 'remove'],
    contract,
    async run(trial) {
      const name = trial.spare(1);
      await trial.set(name, randomText());
      const connection = await trial.connect();
      const before = await connection.readNames([name]);
      await trial.fixture.remove?.(name);
      expectAbsent(await connection.readNames([name], before), name);
    },
  },
  {
    title: 'reading: a removal is seen by the next read of everything',
    needs: ['all', 'set', 'remove'],
    contract,
    async run(trial) {
      const name = trial.spare(1);
      await trial.set(name, randomText());
      const connection = await trial.connect();
      const before = await connection.readAll();
      await trial.fixture.remove?.(name);
      expectAbsent(await connection.readAll(before), name);
    },
  },
  {
    title: 'reading: a refused credential is asked for again, without a new connection',
    needs: ['rotate'],
    contract:
      '`ProviderContext.credential` in @hikyaku/core: ask per request; after a 401 pass the refused value, once',
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      const before = await connection.readNames([name]);
      await trial.fixture.rotate?.();
      expectValue(await connection.readNames([name], before), name, bytes);
    },
  },
  {
    title: 'reading: a closed client leaves the connections of others open',
    needs: ['close'],
    contract: '`ProviderContext.dispatcher` in @hikyaku/core: shared; never close it',
    async run(trial) {
      const { client, context } = await trial.connect();
      await client[Symbol.asyncDispose]?.();
      if (!context.closed) return;
      throw new ContractFailure({
        got: 'closing the client closed the dispatcher of its context',
        expected: 'a client that closes only what it opened itself',
      });
    },
  },
];

function expectExactly(snapshot: Snapshot, names: readonly string[]): void {
  const known = new Set([...snapshot.secrets.keys(), ...(snapshot.unknown?.keys() ?? [])]);
  const missing = names.filter((name) => !known.has(name)).map(describeId);
  const extra = [...known].filter((id) => !names.includes(id)).map(describeId);
  if (missing.length === 0 && extra.length === 0) return;
  const parts = [
    ...(missing.length > 0 ? [`in neither map: ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`not there, but in the snapshot: ${extra.join(', ')}`] : []),
  ];
  throw new ContractFailure({
    got: parts.join('; '),
    expected: `the ${names.length} names that \`all\` of the fixture gives`,
  });
}

function problemsOf({ secrets, unknown = new Map(), revision }: Snapshot): readonly string[] {
  if (!(secrets instanceof Map) || !(unknown instanceof Map)) return ['`secrets` or `unknown` is no Map'];
  const problems: string[] = [];
  for (const [id, { value, version, readAt }] of secrets) {
    if (typeof value?.reveal !== 'function') problems.push(`the value of ${describeId(id)} is no SecretValue`);
    if (version !== undefined && typeof version !== 'string')
      problems.push(`the version of ${describeId(id)} is no text`);
    if (readAt !== undefined && !(readAt > Date.UTC(2000, 0)))
      problems.push(`\`readAt\` of ${describeId(id)} is not in milliseconds since 1970`);
    if (unknown.has(id)) problems.push(`${describeId(id)} is in both maps`);
  }
  for (const [id, error] of unknown)
    if (!isProviderError(error))
      problems.push(`${describeId(id)} is in \`unknown\` with something that is no ProviderError`);
  if (revision !== undefined && typeof revision !== 'string') problems.push('`revision` is no text');
  return problems;
}
