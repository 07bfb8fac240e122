import { ProviderError } from '@hikyaku/core';
import type { SecretChange, WriteResult } from '@hikyaku/core';
import { changeClient } from './flaw.test.kit.ts';
import type { Flaw } from './flaw.test.kit.ts';

type Write = (changes: readonly SecretChange[]) => Promise<readonly WriteResult[]>;

function changeWrites(
  change: (changes: readonly SecretChange[], write: Write) => Promise<readonly WriteResult[]>,
): Flaw['make'] {
  return changeClient((client) => ({
    write: (changes, options) => change(changes, (others) => client.write(others, options)),
  }));
}

function conflict({ name }: SecretChange): WriteResult {
  return { name, error: new ProviderError('CONFLICT', 'changed by somebody else') };
}

/** Mistakes in writes, in lists and in what is told of changes. */
export const flawsOfWriting: readonly Flaw[] = [
  {
    name: 'says another version than the one it made',
    fails: ['writing: a secret is changed, and its version with it'],
    make: changeWrites(async (changes, write) => {
      const results = await write(changes);
      return results.map((result) => (result.version === undefined ? result : { ...result, version: '0' }));
    }),
  },
  {
    name: 'has an error for a removal of what is not there',
    fails: ['writing: to remove what is not there is no error'],
    make: changeWrites(async (changes, write) => {
      const [change] = changes;
      if (change?.name !== 'GREETING_0') return write(changes);
      return [{ name: change.name, error: new ProviderError('NOT_FOUND', 'it is not there') }];
    }),
  },
  {
    name: 'sorts its results',
    fails: ['writing: there is one result for each change, in their order'],
    make: changeWrites(async (changes, write) => (await write(changes)).toSorted((a, b) => (a.name < b.name ? -1 : 1))),
  },
  {
    name: 'has an error for no changes',
    fails: ['writing: no changes are no results'],
    make: changeWrites(async (changes, write) => {
      if (changes.length === 0) throw new ProviderError('INVALID_CONFIG', 'nothing to write');
      return write(changes);
    }),
  },
  {
    name: 'writes over what must not exist',
    fails: ['writing: what must not exist, and does, is a CONFLICT and stays as it is'],
    make: changeWrites((changes, write) =>
      write(
        changes.length > 1
          ? changes
          : changes.map(({ ifVersion, ...change }) => ({ ...change, ...(ifVersion && { ifVersion }) })),
      ),
    ),
  },
  {
    name: 'never makes what must not exist',
    fails: ['writing: what must not exist, and does not, is made'],
    make: changeWrites((changes, write) =>
      changes.length === 1 && changes[0]?.ifVersion === null ? Promise.resolve(changes.map(conflict)) : write(changes),
    ),
  },
  {
    name: 'does not look at versions',
    fails: [
      'writing: a version that the secret no longer has is a CONFLICT, and the secret stays as it is',
      'writing: a version that is not there any more is a CONFLICT, and nothing is made',
    ],
    make: changeWrites((changes, write) =>
      write(changes.map(({ ifVersion, ...change }) => ({ ...change, ...(ifVersion === null && { ifVersion }) }))),
    ),
  },
  {
    name: 'removes nothing, and says that it did',
    fails: [
      'writing: a secret is removed',
      'writing: a version that is not there any more is a CONFLICT, and nothing is made',
      'writing: the list agrees with what was written',
    ],
    make: changeWrites((changes, write) => {
      const [change] = changes;
      return change !== undefined &&
        changes.length === 1 &&
        change.name !== 'GREETING_0' &&
        'remove' in change &&
        change.ifVersion === undefined
        ? Promise.resolve([{ name: change.name }])
        : write(changes);
    }),
  },
  {
    name: 'takes every version for an old one',
    fails: ['writing: with the version that the secret has, it is changed and removed'],
    make: changeWrites((changes, write) =>
      typeof changes[0]?.ifVersion === 'string' ? Promise.resolve(changes.map(conflict)) : write(changes),
    ),
  },
  {
    name: 'stops at the first failure and calls the rest done',
    fails: ['writing: when one change of several fails, each result says what was done'],
    make: changeWrites(async (changes, write) => {
      if (changes.every(({ ifVersion }) => ifVersion === undefined)) return write(changes);
      const results: WriteResult[] = [];
      for (const change of changes) {
        if (results.some(({ error }) => error !== undefined)) results.push({ name: change.name });
        else results.push(...(await write([change])));
      }
      return results;
    }),
  },
  {
    name: 'quotes the value that it could not write',
    fails: ['secrecy: writes that work and writes that are refused show no value'],
    make: changeWrites(async (changes, write) => {
      const results = await write(changes);
      return results.map((result, index) => {
        const change = changes[index];
        if (result.error === undefined || change === undefined || !('value' in change)) return result;
        const cause = { sent: Buffer.from(change.value.reveal()) };
        return { ...result, error: new ProviderError(result.error.code, 'refused', { cause }) };
      });
    }),
  },
  {
    name: 'lists from memory',
    fails: ['writing: the list agrees with what was written'],
    make: changeClient((client) => {
      let kept: ReturnType<typeof client.list> | undefined;
      return { list: async (options) => (options.signal.throwIfAborted(), (kept ??= client.list(options))) };
    }),
  },
  {
    name: 'lists the first page',
    fails: ['list: it has what is there'],
    make: changeClient((client) => ({
      list: async (options) => (await client.list(options)).filter(({ name }) => name !== 'OTHER'),
    })),
  },
  {
    name: 'lists versions of another kind',
    fails: ['list: its versions are those of a read'],
    make: changeClient((client) => ({
      list: async (options) =>
        (await client.list(options)).map(({ name, version }) => ({ name, version: `v${version}` })),
    })),
  },
  {
    name: 'lists more than names',
    fails: ['list: it has names and versions, and nothing else'],
    make: changeClient((client) => ({
      list: async (options) => (await client.list(options)).map((info) => ({ ...info, note: '' })),
    })),
  },
  {
    name: 'never tells of a change',
    fails: ['watch: it yields after a change, and the next read has it'],
    make: changeClient((client) => ({
      async *watch(options) {
        for await (const _ of client.watch(options)) if (options.signal.aborted) yield;
      },
    })),
  },
  {
    name: 'tells of changes without end',
    fails: ['watch: it yields after a change, and the next read has it'],
    make: changeClient(() => ({
      async *watch({ signal }) {
        for (; !signal.aborted;) yield;
      },
    })),
  },
  {
    name: 'has its own error for a watch that was stopped',
    fails: ['watch: it ends soon when its signal aborts'],
    make: changeClient((client) => ({
      async *watch(options) {
        try {
          yield* client.watch(options);
        } catch (error) {
          throw options.signal.aborted ? new Error('aborted') : error;
        }
      },
    })),
  },
];
