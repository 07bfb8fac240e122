import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { rightsFor } from './rights-for.ts';

const FILES = ['rights-own.yaml', 'rights-restarts.yaml'].map(
  (name) => new URL(`../../../deploy/${name}`, import.meta.url),
);

// An expression that still compares with the usual id applies to another agent than the rest of its policy.
test('of the expressions only that for managed-by, which is the same for all agents, still says hikyaku', async () => {
  const texts = await Promise.all(FILES.map((file) => readFile(file, 'utf8')));
  const lines = rightsFor('couriers', texts.join('\n')).split('\n');
  const left = lines.filter((line) => line.includes(`'hikyaku'`)).map((line) => line.trim());
  expect(left).toEqual([`metadata[?'app.kubernetes.io/managed-by'].orValue('hikyaku') == 'hikyaku'`]);
});
