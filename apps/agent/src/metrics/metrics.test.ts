import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { METRICS } from './metrics.ts';

const page = new URL('../../../../docs/metrics.md', import.meta.url);

test('the page lists all metrics, with what they say of themselves', async () => {
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    const list = labels.length === 0 ? '-' : labels.map((label) => `\`${label}\``).join(' ');
    return `| \`${name}\` | ${type} | ${list} | ${help} |`;
  });
  const table = (await readFile(page, 'utf8')).split('\n').filter((line) => /^\| `(hikyaku|process)_/.test(line));
  expect(table).toEqual(rows);
});
