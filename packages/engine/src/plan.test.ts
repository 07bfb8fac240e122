import { ProviderError } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import {
  entryOf,
  everything,
  fingerprintOf,
  idOf,
  item,
  NO_HOLDS,
  rendered,
  snapshot,
  spec,
} from './engine.test.kit.ts';
import { plan } from './plan.ts';
import type { Action, Holds, PlanInput } from './plan.ts';
import { render } from './render.ts';
import type { Rendered } from './render.ts';
import type { InventoryEntry } from './inventory.ts';
import { TargetError } from './target.ts';
import type { Observation } from './target.ts';

interface Given {
  readonly rendered?: readonly Rendered[];
  readonly entries?: readonly InventoryEntry[];
  readonly observations?: Readonly<Record<string, Observation>>;
  readonly holds?: Holds;
  readonly approved?: boolean;
}

function planOf({
  rendered: all = [],
  entries = [],
  observations,
  holds = NO_HOLDS,
  approved,
}: Given): readonly Action[] {
  const input: PlanInput = {
    rendered: all,
    fingerprints: new Map(all.flatMap((one) => (one.desired ? [[idOf(one), fingerprintOf(one.desired)]] : []))),
    inventory: new Map(entries.map((entry) => [entry.id, entry])),
    holds,
    ...(observations && { observations: new Map(Object.entries(observations)) }),
    ...(approved !== undefined && { approved }),
  };
  return plan(input);
}

function kinds(given: Given): readonly string[] {
  return planOf(given).map(({ kind, id }) => `${kind} ${id}`);
}

function letters(count: number, from = 0): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`K${i + from}`, 'v']));
}

function unread(id: string): Rendered {
  return render(spec(id, { bulk: [everything('homelab')] }), new Map());
}

const SHAPE = JSON.stringify(['Opaque', {}, {}, false]);
const applied = (values: Record<string, string>) => ({ shape: SHAPE, keys: new Map(Object.entries(values)) });

describe('each kind of action', () => {
  test('create: nothing is known of it', () => {
    expect(planOf({ rendered: [rendered('web/app', { A: '1', B: '2' })] })).toMatchObject([
      { kind: 'create', id: 'web/app', changes: { added: ['A', 'B'], changed: [], removed: [], shape: false } },
    ]);
  });

  test('create: it was announced, and a crash came before the answer', () => {
    const entry: InventoryEntry = {
      existing: 'refuse',
      id: 'web/app',
      whenRemoved: 'delete',
      keys: new Map([['A', { source: 'homelab' }]]),
    };
    expect(kinds({ rendered: [rendered('web/app', { A: '1' })], entries: [entry] })).toEqual(['create web/app']);
  });

  test('update: says key by key what changes', () => {
    const actions = planOf({
      rendered: [rendered('web/app', { A: '1', B: 'new', D: '4' })],
      entries: [entryOf('web/app', { A: '1', B: 'old', C: '3' })],
    });
    expect(actions).toMatchObject([
      { kind: 'update', drifted: false, changes: { added: ['D'], changed: ['B'], removed: ['C'], shape: false } },
    ]);
  });

  test('update: only the shape changes', () => {
    const actions = planOf({
      rendered: [rendered('web/app', { A: '1' }, { labels: { team: 'web' } })],
      entries: [entryOf('web/app', { A: '1' })],
    });
    expect(actions).toMatchObject([{ kind: 'update', changes: { added: [], changed: [], removed: [], shape: true } }]);
  });

  test('keep: equal', () => {
    const given = { rendered: [rendered('web/app', { A: '1' })], entries: [entryOf('web/app', { A: '1' })] };
    expect(kinds(given)).toEqual(['keep web/app']);
    expect(planOf(given)[0]).not.toHaveProperty('problems');
  });

  test('keep: with problems the last good data stays', () => {
    expect(planOf({ rendered: [unread('web/app')], entries: [entryOf('web/app', { A: '1' })] })).toMatchObject([
      { kind: 'keep', problems: [{ code: 'SOURCE_UNREAD' }] },
    ]);
  });

  test('delete and forget: the entry is gone from the config', () => {
    const entries = [entryOf('web/a', { A: '1' }), entryOf('web/b', { A: '1' }, { whenRemoved: 'keep' })];
    expect(kinds({ entries })).toEqual(['delete web/a', 'forget web/b']);
  });

  test('refuse: the look found somebody else’s', () => {
    const error = new TargetError('FOREIGN', 'not ours');
    const observations: Given['observations'] = {
      'web/a': { state: 'refused', error },
      'web/gone': { state: 'refused', error },
    };
    const given = {
      rendered: [rendered('web/a', { A: '1' })],
      entries: [entryOf('web/gone', { A: '1' })],
      observations,
    };
    expect(kinds(given)).toEqual(['refuse web/a', 'refuse web/gone']);
  });

  test('they come in order of namespace and name', () => {
    const all = ['web/b', 'api/z', 'web/a'].map((id) => rendered(id, { A: '1' }));
    expect(planOf({ rendered: all, entries: [entryOf('db/x', { A: '1' })] }).map(({ id }) => id)).toEqual([
      'api/z',
      'db/x',
      'web/a',
      'web/b',
    ]);
  });
});

describe('what was observed counts more than the inventory', () => {
  const one = rendered('web/app', { A: '1' });
  const entry = entryOf('web/app', { A: '1' });

  test.each<[what: string, observation: Observation, known: boolean, expected: object]>([
    ['gone: create', { state: 'absent' }, true, { kind: 'create', changes: { added: ['A'] } }],
    ['equal: keep', { state: 'ours', drifted: false, actual: applied({ A: '1' }) }, true, { kind: 'keep' }],
    [
      'a key more: update that removes it',
      { state: 'ours', drifted: true, actual: applied({ A: '1', EVIL: 'x' }) },
      true,
      { kind: 'update', drifted: true, changes: { added: [], changed: [], removed: ['EVIL'], shape: false } },
    ],
    [
      'another value: update',
      { state: 'ours', drifted: true, actual: applied({ A: 'x' }) },
      true,
      { kind: 'update', drifted: true, changes: { changed: ['A'] } },
    ],
    [
      'drifted, but it may not be read: update, keys unknown',
      { state: 'ours', drifted: true },
      true,
      { kind: 'update', drifted: true, changes: { added: [], changed: [], removed: [], shape: false } },
    ],
    [
      'ours, unread and not in the inventory: update, keys unknown',
      { state: 'ours', drifted: true },
      false,
      { kind: 'update', drifted: true, changes: { added: [], changed: [], removed: [], shape: false } },
    ],
    [
      'ours and not in the inventory, but read: the true difference',
      { state: 'ours', drifted: false, actual: applied({ A: '0' }) },
      false,
      { kind: 'update', changes: { changed: ['A'] } },
    ],
  ])('%s', (_, observation, known, expected) => {
    const entries = known ? [entry] : [];
    expect(planOf({ rendered: [one], entries, observations: { 'web/app': observation } })).toMatchObject([expected]);
  });

  test('what would be deleted and is gone already is forgotten', () => {
    expect(kinds({ entries: [entry], observations: { 'web/app': { state: 'absent' } } })).toEqual(['forget web/app']);
  });
});

describe('holds of a source', () => {
  const limit = (threshold: Holds['lostSecrets']): Holds => ({
    lostSecrets: 'off',
    lostKeys: new Map([['homelab', threshold]]),
  });

  test.each<[lost: number, total: number, threshold: Holds['lostSecrets'], kind: string]>([
    [0, 10, { percent: 0 }, 'keep'],
    [5, 10, { percent: 50 }, 'update'],
    [6, 10, { percent: 50 }, 'hold'],
    [1, 3, { percent: 33 }, 'hold'],
    [1, 3, { percent: 34 }, 'update'],
    [2, 10, { count: 2 }, 'update'],
    [3, 10, { count: 2 }, 'hold'],
    [1, 10, { count: 0 }, 'hold'],
    [9, 10, { percent: 100 }, 'update'],
    [9, 10, { count: 100 }, 'update'],
    [9, 10, 'off', 'update'],
  ])('%d of %d keys gone with %j: %s', (lost, total, threshold, kind) => {
    const given = {
      rendered: [rendered('web/app', letters(total - lost, lost))],
      entries: [entryOf('web/app', letters(total))],
      holds: limit(threshold),
    };
    expect(kinds(given)).toEqual([`${kind} web/app`]);
  });

  test.each<[Holds['lostSecrets']]>([[{ percent: 100 }], [{ count: 100 }]])(
    'all keys never go by themselves: %j',
    (threshold) => {
      const now = render(spec('web/app', { bulk: [everything('nas')] }), new Map([['nas', snapshot({ N: '1' })]]));
      expect(
        planOf({ rendered: [now], entries: [entryOf('web/app', letters(3))], holds: limit(threshold) }),
      ).toMatchObject([
        {
          kind: 'hold',
          changes: { added: ['N'], removed: ['K0', 'K1', 'K2'] },
          reason: {
            cause: 'source',
            source: 'homelab',
            lost: 3,
            total: 3,
            message: '3 of 3 keys from homelab would go',
          },
        },
      ]);
    },
  );

  test('half is the limit where none is set', () => {
    const holds: Holds = { lostSecrets: 'off', lostKeys: new Map() };
    const entries = [entryOf('web/app', letters(4))];
    expect(kinds({ rendered: [rendered('web/app', letters(2))], entries, holds })).toEqual(['update web/app']);
    expect(kinds({ rendered: [rendered('web/app', letters(1))], entries, holds })).toEqual(['hold web/app']);
  });

  test('it counts the keys of all Secrets, and holds only those that would lose some', () => {
    const given = {
      rendered: [
        rendered('web/a', letters(1)),
        rendered('web/b', letters(4)),
        rendered('web/c', { ...letters(2), NEW: '1' }),
      ],
      entries: [entryOf('web/a', letters(4)), entryOf('web/b', letters(4)), entryOf('web/c', letters(2))],
    };
    expect(kinds({ ...given, holds: limit({ percent: 30 }) })).toEqual(['update web/a', 'keep web/b', 'update web/c']);
    expect(kinds({ ...given, holds: limit({ percent: 29 }) })).toEqual(['hold web/a', 'keep web/b', 'update web/c']);
  });

  test('keys that come from another source now are not lost', () => {
    const now = render(
      spec('web/app', { bulk: [everything('nas')], items: { X: item('homelab', 'X') } }),
      new Map([
        ['nas', snapshot(letters(3))],
        ['homelab', snapshot({ X: '1' })],
      ]),
    );
    expect(kinds({ rendered: [now], entries: [entryOf('web/app', letters(3))], holds: limit({ count: 0 }) })).toEqual([
      'update web/app',
    ]);
  });

  test('another source’s Secrets go on', () => {
    const other = render(spec('web/nas', { bulk: [everything('nas')] }), new Map([['nas', snapshot({ N: '2' })]]));
    const given = {
      rendered: [rendered('web/app', letters(1)), other],
      entries: [entryOf('web/app', letters(10)), entryOf('web/nas', { N: '1' }, { source: 'nas' })],
      holds: limit({ percent: 50 }),
    };
    expect(kinds(given)).toEqual(['hold web/app', 'update web/nas']);
  });

  test('a person’s word lets it through', () => {
    const given = { rendered: [rendered('web/app', letters(1))], entries: [entryOf('web/app', letters(10))] };
    expect(kinds({ ...given, holds: limit({ percent: 50 }), approved: true })).toEqual(['update web/app']);
  });
});

describe('holds of the config', () => {
  const ids = ['web/a', 'web/b', 'web/c', 'web/d'];
  const entries = ids.map((id) => entryOf(id, { A: '1' }));
  const limit = (lostSecrets: Holds['lostSecrets']): Holds => ({ ...NO_HOLDS, lostSecrets });

  test.each<[left: number, threshold: Holds['lostSecrets'], kind: string]>([
    [2, { percent: 50 }, 'delete'],
    [1, { percent: 50 }, 'hold'],
    [3, { count: 1 }, 'delete'],
    [2, { count: 1 }, 'hold'],
    [0, { percent: 100 }, 'hold'],
    [0, { count: 100 }, 'hold'],
    [0, 'off', 'delete'],
  ])('%d of 4 entries left with %j: %s', (left, threshold, kind) => {
    const actions = planOf({
      rendered: ids.slice(0, left).map((id) => rendered(id, { A: '1' })),
      entries,
      holds: limit(threshold),
    });
    expect(actions.filter((action) => action.kind !== 'keep').map((action) => action.kind)).toEqual(
      ids.slice(left).map(() => kind),
    );
  });

  test('an empty config over a filled inventory is held, with the reason', () => {
    expect(planOf({ entries, holds: limit({ percent: 100 }) })[0]).toMatchObject({
      kind: 'hold',
      changes: { removed: ['A'] },
      reason: {
        cause: 'config',
        lost: 4,
        total: 4,
        message: '4 of 4 Secrets would go, as their entries are gone from the config',
      },
    });
    expect(kinds({ entries, holds: limit({ percent: 100 }), approved: true })).toEqual(ids.map((id) => `delete ${id}`));
  });

  test('those that stay do not count as lost', () => {
    const keep = ids.map((id) => entryOf(id, { A: '1' }, { whenRemoved: id === 'web/a' ? 'delete' : 'keep' }));
    expect(kinds({ entries: keep, holds: limit({ percent: 50 }) })).toEqual([
      'delete web/a',
      'forget web/b',
      'forget web/c',
      'forget web/d',
    ]);
  });
});

describe('nothing is selected', () => {
  const empty = rendered('web/app', {});

  test.each<[string, readonly InventoryEntry[]]>([
    ['over a Secret that holds something', [entryOf('web/app', { A: '1' })]],
    ['where nothing is known', []],
  ])('%s: held, also when holds are off', (_, entries) => {
    expect(planOf({ rendered: [empty], entries, holds: NO_HOLDS })).toMatchObject([
      { kind: 'hold', reason: { cause: 'empty', message: 'nothing is selected: it would be an empty Secret' } },
    ]);
  });

  test('of keys that are merged, all would go, and the Secret would stay', () => {
    const entries = [entryOf('web/app', { A: '1' }, { existing: 'merge' })];
    expect(planOf({ rendered: [rendered('web/app', {}, { existing: 'merge' })], entries })).toMatchObject([
      { kind: 'hold', reason: { message: 'nothing is selected: all keys that were merged into it would go' } },
    ]);
  });

  test('once approved it stays empty without another word', () => {
    expect(kinds({ rendered: [empty], entries: [entryOf('web/app', { A: '1' })], approved: true })).toEqual([
      'update web/app',
    ]);
    expect(kinds({ rendered: [empty], entries: [entryOf('web/app', {})] })).toEqual(['keep web/app']);
  });
});

describe('a lost inventory', () => {
  test('prunes nothing', () => {
    expect(kinds({ rendered: [rendered('web/a', { A: '1' })] })).toEqual(['create web/a']);
    expect(kinds({})).toEqual([]);
  });

  test('empties nothing', () => {
    expect(kinds({ rendered: [rendered('web/a', {})] })).toEqual(['hold web/a']);
  });
});

test('a problem of one secret holds nothing and keeps its Secret', () => {
  const unknown = new Map([['K0', new ProviderError('UNAVAILABLE', 'down')]]);
  const partial = render(
    spec('web/app', { bulk: [everything('homelab')] }),
    new Map([['homelab', snapshot(letters(1, 1), { unknown })]]),
  );
  const holds: Holds = { lostSecrets: { count: 0 }, lostKeys: new Map([['homelab', { count: 0 }]]) };
  expect(kinds({ rendered: [partial], entries: [entryOf('web/app', letters(4))], holds })).toEqual(['keep web/app']);
});

test('a Secret that is kept for another reason does not make a loss look small', () => {
  const keys = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`K${i}`, 'v']));
  const kept = render(spec('web/kept', { items: { K0: item('homelab', 'K0') } }), new Map([['homelab', snapshot({})]]));
  const actions = planOf({
    rendered: [kept, rendered('web/bulk', { K0: 'v' })],
    entries: [entryOf('web/kept', keys), entryOf('web/bulk', keys)],
    holds: { lostSecrets: 'off', lostKeys: new Map([['homelab', { percent: 50 }]]) },
  });
  expect(actions.map(({ kind }) => kind)).toEqual(['hold', 'keep']);
});

describe('what was made as a whole is never merged into, and the other way round', () => {
  const one = rendered('web/app', { A: '1' });
  const merged = rendered('web/app', { A: '1' }, { existing: 'merge' });
  const entry = entryOf('web/app', { A: '1' });

  test.each([
    ['made as a whole', entry, merged, 'was made by this agent as a whole'],
    ['merged into', { ...entry, existing: 'merge' } as const, one, 'is somebody else’s, with keys that were merged'],
  ])('it was %s', (_, before, wanted, text) => {
    const observed: Observation = { state: 'ours', drifted: false };
    for (const observations of [undefined, { 'web/app': observed }]) {
      const [action] = planOf({ rendered: [wanted], entries: [before], ...(observations && { observations }) });
      expect(action).toMatchObject({
        kind: 'refuse',
        error: { code: 'UNCHANGEABLE', message: expect.stringContaining(text.replace('’', "'")) },
      });
    }
  });

  test('a Secret that nothing is known of is not taken over by a merge', () => {
    const observations = { 'web/app': { state: 'ours', actual: applied({ A: '0' }), drifted: false } } as const;
    expect(planOf({ rendered: [merged], observations })).toMatchObject([{ kind: 'update', adopts: false }]);
    expect(planOf({ rendered: [one], observations })).toMatchObject([{ kind: 'update', adopts: true }]);
  });
});
