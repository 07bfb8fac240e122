import type { PushRecord } from '@hikyaku/engine';
import { expect, test } from 'vitest';
import { pushesJson, pushesText } from './pushes-text.ts';
import type { Style } from './style.ts';

const plain = (text: string) => text;
const style: Style = { good: plain, change: plain, bad: plain, faint: plain, strong: plain };

function record(from: string, more: Partial<PushRecord> = {}): PushRecord {
  return { id: `${from} → homelab`, from, to: 'homelab', state: 'pushed', keys: 2, messages: [], ...more };
}

test('no pushes say nothing', () => {
  expect(pushesText([], style)).toBe('');
  expect(pushesJson([])).toEqual({});
});

test('each push that changes something or has a problem has its lines, in order, and the rest is counted', () => {
  const changes = { added: ['APP_KEY'], changed: ['DB_URL'], removed: ['OLD'] };
  const records = [
    record('web/held', { state: 'held', keys: 0, messages: ['somebody else has changed A at homelab: left alone'] }),
    record('web/app-env', { changes }),
    record('web/equal'),
    record('web/gone', { state: 'removed', keys: 0, changes: { added: [], changed: [], removed: ['X'] } }),
    record('web/left', { state: 'left', keys: 0 }),
    record('web/no', { state: 'refused', keys: 0, messages: ['not granted'] }),
  ];
  expect(pushesText(records, style)).toBe(`
  push web/app-env → homelab: + APP_KEY  ~ DB_URL  - OLD
  push web/gone → homelab: - X  its entry is gone from the config
  ! push web/held → homelab  held
      somebody else has changed A at homelab: left alone
      hikyaku plan shows it; hikyaku sync --approve lets all that is held through
  . push web/left → homelab  its entry is gone from the config; what was pushed stays
  ! push web/no → homelab  refused
      not granted
6 pushes: 4 secrets kept equal, 1 removed, 1 held, 1 left, 1 refused
`);
});

test('a push that wrote a part and has a problem says both', () => {
  const changes = { added: ['B'], changed: [], removed: [] };
  expect(pushesText([record('web/app', { state: 'failed', keys: 1, changes, messages: ['A is refused'] })], style))
    .toBe(`
  ! push web/app → homelab: + B  failed
      A is refused
1 push: 1 secret kept equal, 1 failed
`);
});

test('scripts get the same by field', () => {
  const changes = { added: ['A'], changed: [], removed: [] };
  expect(pushesJson([record('web/b', { state: 'waiting', messages: ['gone'] }), record('web/a', { changes })])).toEqual(
    {
      pushes: [
        { from: 'web/a', to: 'homelab', state: 'pushed', keys: 2, changes, messages: [] },
        { from: 'web/b', to: 'homelab', state: 'waiting', keys: 2, messages: ['gone'] },
      ],
    },
  );
});
