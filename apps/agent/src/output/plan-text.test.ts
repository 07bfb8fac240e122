import { TargetError } from '@hikyaku/engine';
import type { Action, Changes, DesiredSecret, InventoryEntry } from '@hikyaku/engine';
import { describe, expect, test } from 'vitest';
import { hasChanges, hasProblems, planJson, planText } from './plan-text.ts';
import type { Style } from './style.ts';

const same = (text: string) => text;
const plain: Style = { good: same, change: same, bad: same, faint: same, strong: same };

function desired(id: string, more: Partial<DesiredSecret> = {}): DesiredSecret {
  const [namespace = '', name = ''] = id.split('/');
  const shape = {
    type: 'Opaque',
    labels: {},
    annotations: {},
    immutable: false,
    existing: 'refuse',
    recreate: false,
  } as const;
  return { id, namespace, name, ...shape, data: new Map(), ...more };
}

const changes = (more: Partial<Changes> = {}): Changes => ({
  added: [],
  changed: [],
  removed: [],
  shape: false,
  ...more,
});
const entry = (id: string): InventoryEntry => ({ id, keys: new Map(), existing: 'refuse', whenRemoved: 'delete' });

const create: Action = {
  kind: 'create',
  id: 'web/new',
  desired: desired('web/new'),
  changes: changes({ added: ['A', 'B'] }),
};
const update: Action = {
  kind: 'update',
  id: 'web/app',
  desired: desired('web/app'),
  changes: changes({ added: ['N'], changed: ['C'], removed: ['R'] }),
  drifted: false,
  adopts: false,
};
const remove: Action = { kind: 'delete', id: 'web/old', entry: entry('web/old') };
const forget: Action = { kind: 'forget', id: 'web/left', entry: { ...entry('web/left'), whenRemoved: 'keep' } };
const unchanged: Action = { kind: 'keep', id: 'web/same', desired: desired('web/same') };
const problem: Action = {
  kind: 'keep',
  id: 'web/kept',
  problems: [
    { code: 'KEY_ABSENT', message: 'homelab has no A' },
    { code: 'INVALID_KEY', message: 'b is no key' },
  ],
};
const foreign: Action = { kind: 'refuse', id: 'web/theirs', error: new TargetError('FOREIGN', 'it is not ours') };
const waiting: Action = {
  kind: 'refuse',
  id: 'api/app',
  error: new TargetError('NAMESPACE_MISSING', 'no namespace api'),
};
const held: Action = {
  kind: 'hold',
  id: 'web/held',
  changes: changes({ removed: ['X'] }),
  reason: { cause: 'source', source: 'homelab', lost: 1, total: 1, message: '1 of 1 keys from homelab would go' },
};

test('a plan with everything in it', () => {
  const all = [waiting, update, held, problem, forget, create, remove, unchanged, foreign];
  expect(planText(all, plain)).toBe(`\
  ! api/app  waiting
      no namespace api
  ~ web/app  update
      + N
      ~ C
      - R
  ! web/held  held
      1 of 1 keys from homelab would go
      - X
      hikyaku sync --approve lets it through
  ! web/kept  not written
      homelab has no A
      b is no key
  . web/left  its entry is gone from the config; the Secret stays
  + web/new  create
      + A
      + B
  - web/old  delete: its entry is gone from the config
  ! web/theirs  refused
      it is not ours

Plan: 1 to create, 1 to update, 1 to delete, 1 to leave, 1 waiting, 1 refused, 1 held, 1 kept with a problem, 1 unchanged.
`);
});

test.each<[readonly Action[], string]>([
  [[], 'No changes. The config wants no Secrets.\n'],
  [[unchanged], 'No changes. 1 unchanged.\n'],
])('a plan with nothing to do (%#)', (actions, text) => {
  expect(planText(actions, plain)).toBe(text);
});

test.each<[string, Partial<typeof update>, string]>([
  ['drift', { drifted: true }, 'update: it is not as it was last written'],
  ['adoption', { drifted: true, adopts: true }, 'update: taken over: it carries our label'],
  ['shape', { changes: changes({ shape: true }) }, 'update: type, labels, annotations or immutability'],
  [
    'recreate',
    { desired: desired('web/app', { recreate: true }) },
    'update: deleted and created again if it cannot change in place',
  ],
  ['a merge', { desired: desired('web/app', { existing: 'merge' }) }, 'update: merged into it, other keys stay'],
  [
    'several at once',
    { drifted: true, changes: changes({ shape: true }) },
    'update: it is not as it was last written; type, labels, annotations or immutability',
  ],
])('why a Secret is updated: %s', (_, more, note) => {
  const text = planText([{ ...update, ...more }], plain);
  expect(text.split('\n')[0]).toBe(`  ~ web/app  ${note}`);
});

test('where keys were merged only they go, or stay', () => {
  const merged: InventoryEntry = {
    ...entry('web/app'),
    existing: 'merge',
    keys: new Map([['A', { source: 'homelab' }]]),
  };
  const withdraw: Action = { kind: 'delete', id: 'web/app', entry: merged };
  const leave: Action = { kind: 'forget', id: 'web/app', entry: { ...merged, whenRemoved: 'keep' } };
  expect(planText([withdraw], plain)).toContain(
    '  - web/app  take keys out, the Secret stays: its entry is gone from the config\n      - A\n',
  );
  expect(planText([leave], plain)).toContain('its entry is gone from the config; the keys stay');
  expect(planJson([withdraw])).toEqual([{ secret: 'web/app', action: 'delete', merged: true }]);
});

test('a Secret that is to be merged into and absent is waited for', () => {
  const error = new TargetError('ABSENT', 'it does not exist');
  const text = planText([{ kind: 'refuse', id: 'web/app', error }], plain);
  expect(text).toBe('  ! web/app  waiting\n      it does not exist\n\nPlan: 1 waiting.\n');
});

describe('exit codes rest on', () => {
  test.each([
    [create, true, false],
    [update, true, false],
    [remove, true, false],
    [forget, false, false],
    [unchanged, false, false],
    [problem, false, true],
    [foreign, false, true],
    [waiting, false, true],
    [held, false, true],
  ])('%#: changes and problems', (action, changed, bad) => {
    expect([hasChanges([action]), hasProblems([action])]).toEqual([changed, bad]);
  });
});

test('for scripts, without values', () => {
  expect(planJson([create, remove, unchanged, foreign, held])).toMatchObject([
    { secret: 'web/new', action: 'create', changes: { added: ['A', 'B'] } },
    { secret: 'web/old', action: 'delete' },
    { secret: 'web/same', action: 'keep' },
    { secret: 'web/theirs', action: 'refuse', problems: [{ code: 'FOREIGN', message: 'it is not ours' }] },
    { secret: 'web/held', action: 'hold', hold: { cause: 'source', lost: 1, total: 1 } },
  ]);
  expect(JSON.stringify(planJson([create, update]))).not.toContain('desired');
});
