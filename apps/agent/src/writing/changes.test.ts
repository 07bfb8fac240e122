import { ProviderError, SecretValue } from '@hikyaku/core';
import type { Secret, SecretChange, SecretsClient, WriteResult } from '@hikyaku/core';
import { readCurrent } from '@hikyaku/engine';
import { describe, expect, test } from 'vitest';
import { applyChanges, planChanges } from './changes.ts';

const options = { signal: new AbortController().signal };

interface World extends SecretsClient {
  readonly kept: Map<string, Secret>;
  readonly batches: (readonly SecretChange[])[];
}

/** A service in memory. `versions`: it has them; `conditions`: it can be told what to expect. */
function memoryClient({ versions = true, conditions = true, refuse = '' } = {}): World {
  const kept = new Map<string, Secret>();
  const batches: (readonly SecretChange[])[] = [];
  let count = 0;
  function one(change: SecretChange): WriteResult {
    const { name, ifVersion } = change;
    if (name === refuse) return { name, error: new ProviderError('FORBIDDEN', 'this token may only read') };
    if (ifVersion !== undefined) {
      if (!conditions) return { name, error: new ProviderError('UNSUPPORTED', 'no conditions here') };
      if ((kept.get(name)?.version ?? null) !== ifVersion)
        return { name, error: new ProviderError('CONFLICT', `${name} has another version`) };
    }
    if ('remove' in change) kept.delete(name);
    else kept.set(name, { value: change.value, ...(versions && { version: String(++count) }) });
    return { name };
  }
  return {
    kept,
    batches,
    async read({ refs }) {
      return { secrets: new Map(refs.flatMap(({ name }) => [...kept].filter(([other]) => other === name))) };
    },
    async write(changes) {
      batches.push(changes);
      return changes.map(one);
    },
  };
}

/** As somebody else would. */
async function fill(world: World, values: Readonly<Record<string, string>>): Promise<void> {
  const changes = Object.entries(values).map(([name, value]) => ({ name, value: SecretValue.of(value) }));
  await world.write?.(changes, options);
  world.batches.length = 0;
}

const set = (name: string, value: string) => ({ name, value: SecretValue.of(value) });

async function planned(world: World, wishes: Parameters<typeof planChanges>[0]) {
  const names = wishes.map(({ name }) => name);
  return planChanges(wishes, await readCurrent(world, names, options));
}

function valuesOf({ kept }: World) {
  return Object.fromEntries([...kept].map(([name, { value }]) => [name, value.text()]));
}

function codesOf(results: readonly WriteResult[]) {
  return Object.fromEntries(results.map(({ name, error }) => [name, error?.code ?? 'written']));
}

describe('the plan', () => {
  test('tells what is made, changed, removed, and what stays', async () => {
    const world = memoryClient();
    await fill(world, { A: '1', B: '2', C: '3' });
    const plan = await planned(world, [set('A', '1'), set('B', '9'), set('D', '4'), { name: 'C' }, { name: 'E' }]);
    expect(plan.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'A keep',
      'B change',
      'D create',
      'C remove',
      'E keep',
    ]);
  });

  test('is not made where one secret cannot be told of', async () => {
    const error = new ProviderError('UNAVAILABLE', 'down');
    const client: SecretsClient = { read: async () => ({ secrets: new Map(), unknown: new Map([['A', error]]) }) };
    await expect(readCurrent(client, ['A'], options)).rejects.toBe(error);
  });
});

describe.each([
  ['versions', memoryClient],
  ['no versions', () => memoryClient({ versions: false, conditions: false })],
  ['versions and no conditions', () => memoryClient({ conditions: false })],
])('a source with %s', (_, create) => {
  test('gets what was planned, and nothing for what stays', async () => {
    const world = create();
    await fill(world, { A: '1', B: '2', C: '3' });
    const plan = await planned(world, [set('A', '1'), set('B', '9'), set('D', '4'), { name: 'C' }]);
    expect(codesOf(await applyChanges(world, plan, options))).toEqual({ B: 'written', C: 'written', D: 'written' });
    expect(valuesOf(world)).toEqual({ A: '1', B: '9', D: '4' });
    expect(world.batches.flat().some(({ name }) => name === 'A')).toBe(false);
  });

  test('loses nothing of what somebody else has changed, made or removed meanwhile', async () => {
    const world = create();
    await fill(world, { A: '1', B: '2', C: '3' });
    const plan = await planned(world, [set('A', '9'), { name: 'B' }, set('C', '8'), set('D', '7'), set('E', '6')]);
    await world.write?.(
      [set('A', 'theirs'), set('B', 'theirs'), { name: 'C', remove: true }, set('D', 'theirs')],
      options,
    );
    expect(codesOf(await applyChanges(world, plan, options))).toEqual({
      A: 'CONFLICT',
      B: 'CONFLICT',
      C: 'CONFLICT',
      D: 'CONFLICT',
      E: 'written',
    });
    expect(valuesOf(world)).toEqual({ A: 'theirs', B: 'theirs', D: 'theirs', E: '6' });
  });
});

test('what the service refuses is told for that one alone', async () => {
  const world = memoryClient({ refuse: 'A' });
  const plan = await planned(world, [set('A', '1'), set('B', '2')]);
  expect(codesOf(await applyChanges(world, plan, options))).toEqual({ A: 'FORBIDDEN', B: 'written' });
});

test('results come in the order of the plan', async () => {
  const world = memoryClient({ conditions: false });
  await fill(world, { B: '1' });
  const plan = await planned(world, [set('C', '1'), set('B', '2'), set('A', '3')]);
  expect((await applyChanges(world, plan, options)).map(({ name }) => name)).toEqual(['C', 'B', 'A']);
});

test('a change that the provider says nothing of is not taken for written', async () => {
  const world = memoryClient();
  const plan = await planned(world, [set('A', '1'), set('B', '2')]);
  const client: SecretsClient = { ...world, write: async () => [{ name: 'B' }] };
  expect(codesOf(await applyChanges(client, plan, options))).toEqual({ A: 'INVALID_RESPONSE', B: 'written' });
});

describe('what was written is told, whatever happens to the rest', () => {
  /** A is made by a condition; B has no version, and needs a look first. */
  async function halfWay(break_: (world: World) => Partial<SecretsClient>) {
    const world = memoryClient({ versions: false });
    await fill(world, { B: '1' });
    const plan = await planned(world, [set('A', '1'), set('B', '2')]);
    return await applyChanges({ ...world, ...break_(world) }, plan, options);
  }

  test('when it cannot be looked at', async () => {
    const down = new ProviderError('UNAVAILABLE', 'down');
    const results = await halfWay(() => ({ read: async () => Promise.reject(down) }));
    expect(codesOf(results)).toEqual({ A: 'written', B: 'UNAVAILABLE' });
  });

  test('when the second write ends in nobody knows what', async () => {
    let writes = 0;
    const results = await halfWay((world) => ({
      write: async (changes, callOptions) => {
        if (++writes === 2) throw new ProviderError('FORBIDDEN', 'reset in the middle');
        return (await world.write?.(changes, callOptions)) ?? [];
      },
    }));
    expect(codesOf(results)).toEqual({ A: 'written', B: 'UNAVAILABLE' });
    expect(results[1]?.error?.message).toBe('it is not known whether B was written: reset in the middle');
  });

  test('when it is interrupted, that is said instead', async () => {
    const stop = new AbortController();
    const world = memoryClient({ versions: false });
    await fill(world, { B: '1' });
    const plan = await planned(world, [set('A', '1'), set('B', '2')]);
    const client: SecretsClient = {
      ...world,
      read: async () => {
        stop.abort('SIGINT');
        throw new ProviderError('UNAVAILABLE', 'aborted');
      },
    };
    await expect(applyChanges(client, plan, { signal: stop.signal })).rejects.toBe('SIGINT');
  });
});
