import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ALL } from './faults-seen.test.kit.ts';

const page = await readFile(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| '));

test.each(ALL)('docs/troubleshooting.md has a row with the words of $name, and what to do', ({ words }) => {
  const plain = (text: string) => text.replaceAll('`', '');
  const found = rows.filter((row) => words.every((text) => plain(row).includes(plain(text))));
  expect(found).not.toEqual([]);
  for (const row of found) expect(row.split(' | ')).toHaveLength(3);
});
