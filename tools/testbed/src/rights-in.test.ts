import { expect, test } from 'vitest';
import { readInstallFile } from './install-rights.ts';
import { rightsIn } from './rights-in.ts';

// An expression that still compares with the usual id applies to another agent than the rest of its policy.
test('of the expressions only that for managed-by, which is the same for all agents, still says hikyaku', async () => {
  const files = await Promise.all((['rights-own.yaml', 'rights-restarts.yaml'] as const).map(readInstallFile));
  const lines = rightsIn('couriers', files.join('\n')).split('\n');
  const left = lines.filter((line) => line.includes(`'hikyaku'`)).map((line) => line.trim());
  expect(left).toEqual([`metadata[?'app.kubernetes.io/managed-by'].orValue('hikyaku') == 'hikyaku'`]);
});
