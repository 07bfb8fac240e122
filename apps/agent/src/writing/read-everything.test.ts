import { PassThrough } from 'node:stream';
import { ProviderError, SecretValue } from '@hikyaku/core';
import type { SecretsClient } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { readEverything } from './read-everything.ts';

test.each([
  [true, 'reading vault: 1 of 2 secrets'],
  [false, ''],
])('how far a slow read is is shown in a terminal: %s', async (isTTY, shown) => {
  const stderr = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY });
  const stdin = new PassThrough();
  const edge = { env: {}, stdin, stdout: stderr, stderr, signal: new AbortController().signal };
  const secrets = new Map([['A', { value: SecretValue.of('1') }]]);
  const client: SecretsClient = {
    async read(request) {
      request.progress({ secrets, unknown: new Map([['B', new ProviderError('PENDING', 'more is coming')]]) });
      return { secrets };
    },
  };
  expect((await readEverything(client, 'vault', edge)).secrets).toBe(secrets);
  const text = String(stderr.read() ?? '');
  expect(text).toContain(shown);
  // The line is gone at the end.
  expect(text === '' || text.endsWith('\r\u001B[2K')).toBe(true);
  expect(text === '').toBe(!isTTY);
});
