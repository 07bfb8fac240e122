import { isProviderError, SecretValue } from '@hikyaku/core';
import type { SecretChange, WriteResult } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import type { Connection } from '../connection.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError } from '../describe.ts';
import { expectAbsent, expectValue } from '../expect-snapshot.ts';
import { bytesOf, randomText } from '../sample.ts';
import type { Trial } from '../trial.ts';

const contract =
  '`SecretsClient.write` in @hikyaku/core: applies what it can, one result per change in their order; no error means that it was applied';
const conditions =
  '`SecretChange.ifVersion` in @hikyaku/core: only while the secret has this version; null: only while it does not exist; else CONFLICT';

/** What was written is what is read. */
export const writing: readonly Claim[] = [
  {
    title: 'writing: a new secret is made, and read',
    needs: ['write'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const name = trial.spare(1);
      const before = await connection.readNames([name]);
      const change = put(name);
      expectApplied(await connection.write([change]));
      expectValue(await connection.readNames([name], before), name, change.value.reveal());
      expectValue(await (await trial.connect()).readNames([name]), name, change.value.reveal());
    },
  },
  {
    title: 'writing: a secret is changed, and its version with it',
    needs: ['write'],
    contract: `${contract}. A version is compared by inequality`,
    async run(trial) {
      const connection = await trial.connect();
      const { name, version } = await make(trial, connection);
      const before = await connection.readNames([name]);
      const change = put(name);
      const results = await connection.write([change]);
      expectApplied(results);
      const after = await connection.readNames([name], before);
      expectValue(after, name, change.value.reveal());
      const now = after.secrets.get(name)?.version;
      if (version !== undefined && now === version)
        throw new ContractFailure({
          got: `the version is '${now}' before and after the change`,
          expected: 'another one',
        });
      const told = results[0]?.version;
      if (told === undefined || now === undefined || told === now) return;
      throw new ContractFailure({ got: `the result says version '${told}', a read '${now}'`, expected: 'the same' });
    },
  },
  {
    title: 'writing: a secret is removed',
    needs: ['write'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const { name } = await make(trial, connection);
      const before = await connection.readNames([name]);
      expectApplied(await connection.write([{ name, remove: true }]));
      expectAbsent(await connection.readNames([name], before), name);
    },
  },
  {
    title: 'writing: to remove what is not there is no error',
    needs: ['write'],
    contract: `${contract}. What was wanted is so already, also when a removal is tried a second time`,
    async run(trial) {
      const connection = await trial.connect();
      expectApplied(await connection.write([{ name: trial.spare(0), remove: true }]));
    },
  },
  {
    title: 'writing: there is one result for each change, in their order',
    needs: ['write'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const changes = [3, 1, 2].map((number) => put(trial.spare(number)));
      const results = await connection.write(changes);
      expectApplied(results);
      const [got, expected] = [results, changes].map((list) => list.map(({ name }) => name).join(', '));
      if (got !== expected) throw new ContractFailure({ got: `results for ${got}`, expected: `for ${expected}` });
    },
  },
  {
    title: 'writing: no changes are no results',
    needs: ['write'],
    contract,
    async run(trial) {
      await (await trial.connect()).write([]);
    },
  },
  {
    title: 'writing: what must not exist, and does, is a CONFLICT and stays as it is',
    needs: ['write'],
    contract: conditions,
    async run(trial) {
      const connection = await trial.connect();
      const { name, bytes } = await make(trial, connection);
      expectRefused(await connection.write([{ ...put(name), ifVersion: null }]), ['CONFLICT']);
      expectValue(await connection.readNames([name]), name, bytes);
    },
  },
  {
    title: 'writing: what must not exist, and does not, is made',
    needs: ['write'],
    contract: conditions,
    async run(trial) {
      const connection = await trial.connect();
      const change = { ...put(trial.spare(1)), ifVersion: null };
      expectApplied(await connection.write([change]));
      expectValue(await connection.readNames([change.name]), change.name, change.value.reveal());
    },
  },
  {
    title: 'writing: a version that the secret no longer has is a CONFLICT, and the secret stays as it is',
    needs: ['write'],
    contract: `${conditions}; UNSUPPORTED where there are no versions`,
    async run(trial) {
      const connection = await trial.connect();
      const { name, version } = await make(trial, connection);
      const change = put(name);
      expectApplied(await connection.write([change]));
      const ifVersion = version ?? 'hikyaku-no-such-version';
      const allowed = version === undefined ? ['CONFLICT', 'UNSUPPORTED'] : ['CONFLICT'];
      expectRefused(await connection.write([{ ...put(name), ifVersion }]), allowed);
      expectRefused(await connection.write([{ name, remove: true, ifVersion }]), allowed);
      expectValue(await connection.readNames([name]), name, change.value.reveal());
    },
  },
  {
    title: 'writing: a version that is not there any more is a CONFLICT, and nothing is made',
    needs: ['write'],
    contract: `${conditions}; UNSUPPORTED where there are no versions`,
    async run(trial) {
      const connection = await trial.connect();
      const { name, version = 'hikyaku-no-such-version' } = await make(trial, connection);
      expectApplied(await connection.write([{ name, remove: true }]));
      expectRefused(await connection.write([{ ...put(name), ifVersion: version }]), ['CONFLICT', 'UNSUPPORTED']);
      expectAbsent(await connection.readNames([name]), name);
    },
  },
  {
    title: 'writing: with the version that the secret has, it is changed and removed',
    needs: ['write', 'versions'],
    contract: conditions,
    async run(trial) {
      const connection = await trial.connect();
      const { name, version } = await make(trial, connection);
      const change = { ...put(name), ...(version !== undefined && { ifVersion: version }) };
      expectApplied(await connection.write([change]));
      const after = await connection.readNames([name]);
      expectValue(after, name, change.value.reveal());
      const now = after.secrets.get(name)?.version;
      expectApplied(await connection.write([{ name, remove: true, ...(now !== undefined && { ifVersion: now }) }]));
      expectAbsent(await connection.readNames([name]), name);
    },
  },
  {
    title: 'writing: when one change of several fails, each result says what was done',
    needs: ['write'],
    contract: `${contract}; an error means that it was not`,
    async run(trial) {
      const connection = await trial.connect();
      const { name, bytes } = await make(trial, connection, 2);
      const changes = [put(trial.spare(1)), { ...put(name), ifVersion: null }, put(trial.spare(3))];
      const results = await connection.write(changes);
      expectRefused(results.slice(1, 2), ['CONFLICT']);
      expectValue(await connection.readNames([name]), name, bytes);
      await expectAsTold(connection, changes, results);
    },
  },
  {
    title: 'writing: the list agrees with what was written',
    needs: ['write', 'list'],
    contract: '`SecretsClient.list` in @hikyaku/core: what is there now',
    async run(trial) {
      const connection = await trial.connect();
      const { name } = await make(trial, connection);
      const listed = async () => (await connection.list()).some((info) => info.name === name);
      if (!(await listed()))
        throw new ContractFailure({
          got: 'a secret that was made is not in the list',
          expected: 'its name in the list',
        });
      await connection.write([{ name, remove: true }]);
      if (await listed())
        throw new ContractFailure({ got: 'a secret that was removed is in the list', expected: 'a list without it' });
    },
  },
];

/** A change to a new value. */
export function put(
  name: string,
  value: string | Uint8Array = randomText(),
): SecretChange & { readonly value: SecretValue } {
  return { name, value: SecretValue.of(bytesOf(value)) };
}

interface Made {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly version?: string;
}

/** Writes a spare secret and reads its version. */
async function make(trial: Trial, connection: Connection, number = 1): Promise<Made> {
  const change = put(trial.spare(number));
  const { name } = change;
  expectApplied(await connection.write([change]));
  const version = (await connection.readNames([name])).secrets.get(name)?.version;
  return { name, bytes: change.value.reveal(), ...(version !== undefined && { version }) };
}

export function expectApplied(results: readonly WriteResult[]): void {
  for (const { name, error } of results) {
    if (error === undefined) continue;
    throw new ContractFailure({
      got: `the change of '${name}' was answered with ${describeError(error)}`,
      expected: 'a result without error',
      cause: error,
    });
  }
}

function expectRefused(results: readonly WriteResult[], codes: readonly string[]): void {
  for (const { name, error } of results) {
    if (isProviderError(error) && codes.includes(error.code)) continue;
    throw new ContractFailure({
      got: `the change of '${name}' was answered with ${error === undefined ? 'no error' : describeError(error)}`,
      expected: `a result with the error ${codes.join(' or ')}`,
    });
  }
}

/** What a read gives is what the results say. */
export async function expectAsTold(
  connection: Connection,
  changes: readonly (SecretChange & { readonly value: SecretValue })[],
  results: readonly WriteResult[],
): Promise<void> {
  const snapshot = await connection.readNames(changes.map(({ name }) => name));
  for (const [index, { name, value }] of changes.entries()) {
    const applied = snapshot.secrets.get(name)?.value.equals(value) === true;
    const { error } = results[index] ?? {};
    if (applied === (error === undefined)) continue;
    throw new ContractFailure({
      got: applied
        ? `'${name}' was changed, and its result is ${describeError(error)}`
        : `'${name}' was not changed, and its result has no error`,
      expected: 'a result that says what was done. Where that cannot be told, `write` throws',
    });
  }
}
