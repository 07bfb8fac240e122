import { expect, test } from 'vitest';
import { changedTexts, leaf, textOf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { markup } from './markup.ts';

function list(...items: readonly (readonly [string, string])[]): Fragment {
  const parts = items.map(([id, text]) => leaf(id, markup`<li id="${id}">${text}</li>`));
  return { id: 'list', before: markup`<ul id="list">`, parts, after: '</ul>' };
}

test('what is the same is not sent, and of what differs the smallest element', () => {
  const before = list(['a', '1'], ['b', '2']);
  expect(changedTexts(before, list(['a', '1'], ['b', '2']))).toEqual([]);
  expect(changedTexts(before, list(['a', '1'], ['b', '3']))).toEqual(['<li id="b">3</li>']);
});

test('where something is new, gone or elsewhere, the whole around it is sent', () => {
  const before = list(['a', '1'], ['b', '2']);
  for (const now of [list(['a', '1']), list(['b', '2'], ['a', '1']), list(['a', '1'], ['b', '2'], ['c', '3'])])
    expect(changedTexts(before, now)).toEqual([textOf(now)]);
});

test('what is put into it is text, and nothing stands for nothing', () => {
  expect(String(markup`<p title="${'"><script>'}">${'<b>&'}${false}${undefined}${0}</p>`)).toBe(
    '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;0</p>',
  );
});
