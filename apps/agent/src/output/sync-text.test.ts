import type { SecretRecord } from '@hikyaku/engine';
import { expect, test } from 'vitest';
import type { Style } from './style.ts';
import { hasProblemRecords, syncText } from './sync-text.ts';

const same = (text: string) => text;
const plain: Style = { good: same, change: same, bad: same, faint: same, strong: same };
const changes = { added: ['N'], changed: ['C'], removed: ['R'], shape: false };

const records: readonly SecretRecord[] = [
  { id: 'web/new', state: 'synced', outcome: 'created', messages: [], changes },
  { id: 'web/app', state: 'synced', outcome: 'updated', messages: [], changes },
  { id: 'web/same', state: 'synced', outcome: 'unchanged', messages: [] },
  { id: 'web/drift', state: 'synced', outcome: 'repaired', messages: [] },
  { id: 'web/taken', state: 'synced', outcome: 'adopted', messages: [] },
  { id: 'web/again', state: 'synced', outcome: 'recreated', messages: [] },
  { id: 'web/old', state: 'removed', outcome: 'deleted', messages: [] },
  { id: 'web/gone', state: 'removed', outcome: 'absent', messages: [] },
  { id: 'web/lost', state: 'removed', outcome: 'foreign', messages: ['web/lost is not ours any more: left alone'] },
  { id: 'web/left', state: 'left', messages: [] },
  { id: 'api/wait', state: 'waiting', messages: ['no namespace api'] },
  { id: 'web/held', state: 'held', messages: ['3 of 3 keys from homelab would go'], changes },
  { id: 'web/kept', state: 'kept', outcome: 'repaired', messages: ['homelab has no A', 'homelab has no B'] },
];

test('what a sync did, all of it', () => {
  expect(syncText(records, 1.26, plain)).toBe(`\
  ! api/wait  waiting
      no namespace api
  ~ web/again  deleted and created again
  ~ web/app  updated  +N  ~C  -R
  ~ web/drift  repaired: somebody had changed or deleted it
  . web/gone  was gone already
  ! web/held  held
      3 of 3 keys from homelab would go
      hikyaku plan shows it; hikyaku sync --approve lets it through
  ! web/kept  kept
      homelab has no A
      homelab has no B
  . web/left  left: its entry is gone from the config
  . web/lost  is not ours any more: left alone
  + web/new  created
  - web/old  deleted
  ~ web/taken  taken over
13 Secrets: 1 waiting, 1 recreated, 1 updated, 1 repaired, 1 absent, 1 held, 1 kept, 1 left, 1 foreign, 1 created, 1 deleted, 1 unchanged, 1 adopted (1.3 s)
`);
});

test.each<[string, readonly SecretRecord[]]>([
  [
    '  - a/b  keys taken out, the Secret stays\n1 Secret: 1 withdrawn (0.0 s)\n',
    [{ id: 'a/b', state: 'removed', outcome: 'withdrawn', messages: [] }],
  ],
  ['0 Secrets: nothing to do (0.0 s)\n', []],
  ['1 Secret: 1 unchanged (0.0 s)\n', [{ id: 'a/b', state: 'synced', outcome: 'unchanged', messages: [] }]],
])('%j', (text, some) => {
  expect(syncText(some, 0, plain)).toBe(text);
});

test.each<[SecretRecord['state'], boolean]>([
  ['synced', false],
  ['removed', false],
  ['left', false],
  ['kept', true],
  ['waiting', true],
  ['held', true],
  ['refused', true],
  ['failed', true],
])('%s needs a person or another try: %s', (state, expected) => {
  expect(hasProblemRecords([{ id: 'a/b', state, messages: [] }])).toBe(expected);
});
