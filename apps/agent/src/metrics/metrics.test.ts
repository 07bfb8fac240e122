import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { METRICS } from './metrics.ts';

const page = new URL('../../../../docs/metrics.md', import.meta.url);
const rules = new URL('../../../../deploy/prometheus-rules.yaml', import.meta.url);

test('the page lists all metrics, with what they say of themselves', async () => {
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    const list = labels.length === 0 ? '-' : labels.map((label) => `\`${label}\``).join(' ');
    return `| \`${name}\` | ${type} | ${list} | ${help} |`;
  });
  const table = (await readFile(page, 'utf8')).split('\n').filter((line) => /^\| `(hikyaku|process)_/.test(line));
  expect(table).toEqual(rows);
});

test('the page lists all alerts, in their order', async () => {
  const { groups }: { groups: readonly { rules: readonly { alert: string }[] }[] } = parse(
    await readFile(rules, 'utf8'),
  );
  const listed = [...(await readFile(page, 'utf8')).matchAll(/^\| `(Hikyaku\w+)` \| \S.* \| \S.* \|$/gm)];
  expect(listed.map(([, name]) => name)).toEqual(groups.flatMap((group) => group.rules.map(({ alert }) => alert)));
});
