import { expect, test } from 'vitest';
import { expectedObjects } from './expected-objects.ts';
import type { RightsFile } from './expected-objects.ts';

const FILES: readonly RightsFile[] = ['deploy/rights-own.yaml', 'deploy/rights-restarts.yaml'];

// Of an agent in another namespace, what is as it should be would be told to differ.
test.each(FILES)('%s of another agent names the usual one nowhere, but as the manager of all Secrets', (file) => {
  const text = JSON.stringify(expectedObjects('couriers', file));
  const left = text.match(/[^ ]* [^ ]* 'hikyaku'|'hikyaku' in|=hikyaku\b/g) ?? [];
  expect(left.filter((one) => !one.includes('managed-by'))).toEqual([]);
  expect(text).toContain(':couriers:hikyaku');
});
